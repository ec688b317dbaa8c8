-- posts
SELECT t0.title, (SELECT ROW(t1.name, (SELECT ROW(t2.name, (SELECT ROW(t3.name) FROM public.v_user t3 WHERE t3.pk_user = t2.fk_manager LIMIT 1)) FROM public.v_user t2 WHERE t2.pk_user = t1.fk_manager LIMIT 1)) FROM public.v_user t1 WHERE t1.pk_user = t0.fk_user LIMIT 1) FROM public.v_post t0 ORDER BY t0.pk_post LIMIT 2;
