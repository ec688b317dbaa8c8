-- a
SELECT t0.role::text, t0.past_roles::text[] FROM public.v_user t0 WHERE t0.role = $1::text::role ORDER BY t0.role DESC;
--   $1 = Text("admin")
-- b
SELECT t0.status FROM public.v_post t0 WHERE t0.status <> $1::text ORDER BY t0.pk_post LIMIT 2;
--   $1 = Text("draft")
