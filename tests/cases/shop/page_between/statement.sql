-- people
SELECT NULL::int8, ARRAY(SELECT ROW(t0.name, t0.pk_user) FROM public.v_user t0 WHERE t0.pk_user > $1::int8 AND t0.pk_user < $2::int8 ORDER BY t0.pk_user);
--   $1 = Int8(1)
--   $2 = Int8(4)
