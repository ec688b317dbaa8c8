-- products
SELECT t0.sku, t0.variants FROM public.v_product t0 WHERE EXISTS (SELECT 1 FROM jsonb_array_elements(CASE jsonb_typeof(t0.variants) WHEN 'array' THEN t0.variants ELSE '[]' END) t1(value) WHERE (t1.value->>'stock')::int4 >= $1::int8) AND (t0.data->'details'->>'weight_grams')::int4 > $2::int8;
--   $1 = Int8(5)
--   $2 = Int8(100)
