-- people
SELECT (SELECT count(*)::int8 FROM public.v_user t0 WHERE t0.active = $1::bool), ARRAY(SELECT ROW(t1.pk_user) FROM public.v_user t1 WHERE t1.active = $1::bool ORDER BY t1.pk_user LIMIT 0);
--   $1 = Bool(true)
