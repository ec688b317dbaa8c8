-- people
SELECT (SELECT count(*)::int8 FROM public.v_user t0), ARRAY(SELECT ROW(t1.name, t1.created_at, t1.pk_user) FROM public.v_user t1 ORDER BY t1.pk_user LIMIT 3);
