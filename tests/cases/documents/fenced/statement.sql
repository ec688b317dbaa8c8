-- orders
SELECT t0.id, t0.data->'total', t0.data->'placed_at', t0.data->'status', t0.data->'count' FROM (SELECT t1.data, t1.id FROM public.v_order t1 WHERE (t1.data->>'paid')::bool = $1::bool ORDER BY (t1.data->>'total')::numeric DESC, t1.id LIMIT 2 OFFSET 0) t0;
--   $1 = Bool(false)
