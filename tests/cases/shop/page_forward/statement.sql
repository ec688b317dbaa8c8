-- people
SELECT (SELECT count(*)::int8 FROM public.v_user t0), ARRAY(SELECT ROW(t1.name, t1.created_at, t1.pk_user) FROM public.v_user t1 WHERE t1.pk_user > $1::int8 ORDER BY t1.pk_user LIMIT 3);
--   $1 = Int8(2)
