-- order
SELECT t0.id, t0.data->'total', t0.data->'note', t0.data->'status' FROM (SELECT t1.data, t1.id FROM public.v_order t1 WHERE t1.id = $1::uuid LIMIT 1 OFFSET 0) t0;
--   $1 = Uuid(00000000-0000-0000-0000-000000000001)
