-- orders
SELECT t0.data->'count', t0.data->'placed_at' FROM (SELECT t1.data FROM public.v_order t1 ORDER BY (t1.data->>'count')::int4 NULLS FIRST, (t1.data->>'placed_at')::timestamptz DESC OFFSET 0) t0;
