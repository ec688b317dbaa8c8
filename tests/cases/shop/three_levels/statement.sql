-- users
SELECT t0.name, ARRAY(SELECT ROW(t1.title, ARRAY(SELECT ROW(t2.body, (SELECT ROW(t3.name) FROM public.v_user t3 WHERE t3.pk_user = t2.fk_user LIMIT 1)) FROM public.v_comment t2 WHERE t2.fk_post = t1.pk_post ORDER BY t2.pk_comment LIMIT 2)) FROM public.v_post t1 WHERE t1.fk_user = t0.pk_user ORDER BY t1.pk_post LIMIT 2) FROM public.v_user t0 ORDER BY t0.pk_user LIMIT 2;
