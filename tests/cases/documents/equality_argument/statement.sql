-- a
SELECT t0.data->'total' FROM public.v_order t0 WHERE (t0.data->>'status') = $1::text;
--   $1 = Text("paid")
-- b
SELECT t0.data->'total' FROM public.v_order t0 WHERE (t0.data->>'status') IS NULL;
