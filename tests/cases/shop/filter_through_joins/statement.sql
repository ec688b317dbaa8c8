-- a
SELECT t0.title FROM public.v_post t0 WHERE EXISTS (SELECT 1 FROM public.v_user t1 WHERE t1.pk_user = t0.fk_user AND t1.name = $1::text) ORDER BY t0.pk_post LIMIT 2;
--   $1 = Text("Ann")
-- b
SELECT t0.name FROM public.v_user t0 WHERE EXISTS (SELECT 1 FROM public.v_post t1 WHERE t1.fk_user = t0.pk_user AND EXISTS (SELECT 1 FROM public.v_comment t2 WHERE t2.fk_post = t1.pk_post AND t2.body LIKE $1::text));
--   $1 = Text("% 7")
-- c
SELECT t0.name FROM public.v_user t0 WHERE (EXISTS (SELECT 1 FROM public.v_post t1 WHERE t1.fk_user = t0.pk_user AND t1.status = $1::text)) IS NOT TRUE;
--   $1 = Text("draft")
-- d
SELECT t0.name FROM public.v_user t0 WHERE EXISTS (SELECT 1 FROM public.v_user t1 WHERE t1.pk_user = t0.fk_manager AND t1.name = $1::text) AND EXISTS (SELECT 1 FROM public.v_post t2 WHERE t2.fk_user = t0.pk_user) ORDER BY t0.name;
--   $1 = Text("Ann")
