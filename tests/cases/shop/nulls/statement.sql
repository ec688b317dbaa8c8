-- a
SELECT t0.name FROM public.v_user t0 WHERE t0.age IS NULL;
-- b
SELECT t0.name FROM public.v_user t0 WHERE coalesce(jsonb_typeof(t0.settings), 'null') = 'null';
-- c
SELECT t0.name FROM public.v_user t0 WHERE t0.email IS NOT NULL;
-- d
SELECT t0.name FROM public.v_user t0 WHERE t0.email IS NULL;
-- e
SELECT t0.name FROM public.v_user t0;
-- f
SELECT t0.name FROM public.v_user t0 WHERE t0.email = $1::text;
--   $1 = Text("ann@example.com")
