-- a
SELECT t0.data->'total' FROM public.v_order t0 WHERE (t0.data->'customer'->'address'->>'city') = $1::text;
--   $1 = Text("Oslo")
-- b
SELECT t0.data->'total' FROM public.v_order t0 WHERE (t0.data->'customer'->>'name') LIKE $1::text;
--   $1 = Text("O'Neil \\\\%")
-- c
SELECT t0.data->'total' FROM public.v_order t0 WHERE (t0.data->'customer'->'address'->>'city') IS NULL;
