-- orders
SELECT t0.data->'total' FROM public.v_order t0 ORDER BY t0.id LIMIT 1;
