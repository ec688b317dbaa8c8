-- a
SELECT t0.name, t0.settings FROM public.v_user t0 WHERE t0.settings @> $1::text::jsonb;
--   $1 = Text("{\"theme\":\"dark\"}")
-- b
SELECT t0.name FROM public.v_user t0 WHERE t0.settings ? $1::text;
--   $1 = Text("size")
-- c
SELECT t0.name FROM public.v_user t0 WHERE t0.settings = $1::text::jsonb;
--   $1 = Text("{\"theme\":\"light\"}")
-- d
SELECT t0.name FROM public.v_user t0 WHERE nullif(t0.settings, 'null') <@ $1::text::jsonb;
--   $1 = Text("{\"theme\":\"light\",\"size\":1}")
