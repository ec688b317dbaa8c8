-- users
SELECT FROM public.v_user t0;
-- posts
SELECT (SELECT ROW() FROM public.v_user t1 WHERE t1.pk_user = t0.fk_user LIMIT 1), ARRAY(SELECT ROW() FROM public.v_comment t2 WHERE t2.fk_post = t0.pk_post) FROM public.v_post t0 ORDER BY t0.pk_post LIMIT 1;
