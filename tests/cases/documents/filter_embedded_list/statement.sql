-- a
SELECT t0.data->'total' FROM public.v_order t0 WHERE EXISTS (SELECT 1 FROM jsonb_array_elements(CASE jsonb_typeof(t0.data->'items') WHEN 'array' THEN t0.data->'items' ELSE '[]' END) t1(value) WHERE (t1.value->>'sku') = $1::text AND (t1.value->>'quantity')::int4 > $2::int8);
--   $1 = Text("A-1")
--   $2 = Int8(5)
-- b
SELECT t0.data->'total' FROM public.v_order t0 WHERE (EXISTS (SELECT 1 FROM jsonb_array_elements(CASE jsonb_typeof(t0.data->'items') WHEN 'array' THEN t0.data->'items' ELSE '[]' END) t1(value) WHERE (t1.value->>'price')::numeric > $1::text::numeric)) IS NOT TRUE;
--   $1 = Text("0")
-- c
SELECT t0.data->'total' FROM public.v_order t0 WHERE EXISTS (SELECT 1 FROM jsonb_array_elements(CASE jsonb_typeof(t0.data->'items') WHEN 'array' THEN t0.data->'items' ELSE '[]' END) t1(value) WHERE EXISTS (SELECT 1 FROM jsonb_array_elements(CASE jsonb_typeof(t1.value->'options') WHEN 'array' THEN t1.value->'options' ELSE '[]' END) t2(value) WHERE (t2.value->>'name') = $1::text));
--   $1 = Text("red")
