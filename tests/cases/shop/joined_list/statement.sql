-- users
SELECT t0.name, ARRAY(SELECT ROW(t1.title, t1.published_at) FROM public.v_post t1 WHERE t1.fk_user = t0.pk_user AND t1.status = $1::text ORDER BY t1.published_at DESC, t1.pk_post LIMIT 2), ARRAY(SELECT ROW(t2.title) FROM public.v_post t2 WHERE t2.fk_user = t0.pk_user AND t2.status = $2::text), ARRAY(SELECT ROW(t3.views) FROM public.v_post t3 WHERE t3.fk_user = t0.pk_user ORDER BY t3.views, t3.pk_post LIMIT 1 OFFSET $3::int8) FROM public.v_user t0 ORDER BY t0.pk_user LIMIT 3;
--   $1 = Text("published")
--   $2 = Text("draft")
--   $3 = Int8(1)
