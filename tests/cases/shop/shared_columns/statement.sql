-- users
SELECT t0.name, t0.id, ARRAY(SELECT ROW(t1.title) FROM public.v_post t1 WHERE t1.fk_user = t0.pk_user ORDER BY t1.pk_post LIMIT 1) FROM public.v_user t0 WHERE t0.name = $1::text;
--   $1 = Text("Ann")
