-- products
SELECT t0.id, t0.sku, t0.price, t0.data->'title', t0.data->'details', t0.variants FROM (SELECT t1.data, t1.id, t1.price, t1.sku, t1.variants FROM public.v_product t1 WHERE t1.sku <> $1::text AND (t1.data->>'title') LIKE $2::text ORDER BY t1.price DESC, t1.pk_product LIMIT 2 OFFSET $3::int8) t0;
--   $1 = Text("S1")
--   $2 = Text("%S%")
--   $3 = Int8(1)
