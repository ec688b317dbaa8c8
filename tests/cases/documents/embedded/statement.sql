-- orders
SELECT t0.data->'customer', t0.data->'items' FROM (SELECT t1.data FROM public.v_order t1 ORDER BY t1.id LIMIT 2 OFFSET 0) t0;
