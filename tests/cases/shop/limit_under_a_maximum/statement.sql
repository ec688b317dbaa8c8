-- users
SELECT t0.name FROM public.v_user t0 ORDER BY t0.pk_user LIMIT 3;
-- usersCount
SELECT count(*)::int8 FROM public.v_user t0;
-- posts
SELECT t0.title, ARRAY(SELECT ROW(t1.body) FROM public.v_comment t1 WHERE t1.fk_post = t0.pk_post ORDER BY t1.pk_comment LIMIT 3) FROM public.v_post t0 ORDER BY t0.pk_post LIMIT 3;
