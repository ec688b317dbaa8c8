-- people
SELECT NULL::int8, ARRAY(SELECT ROW(t0.name, ARRAY(SELECT ROW(t1.title) FROM public.v_post t1 WHERE t1.fk_user = t0.pk_user ORDER BY t1.pk_post LIMIT 1), (SELECT ROW(t2.name) FROM public.v_user t2 WHERE t2.pk_user = t0.fk_manager LIMIT 1), t0.pk_user) FROM public.v_user t0 ORDER BY t0.pk_user LIMIT 2);
