-- a
SELECT t0.data::jsonb->'line', t0.data::jsonb->'context', t0.data::jsonb->'where' FROM (SELECT t1.data FROM public.v_log t1 WHERE (t1.data::jsonb->>'level')::int4 > $1::int8 AND coalesce(jsonb_typeof(t1.data::jsonb->'context'), 'null') <> 'null' OFFSET 0) t0;
--   $1 = Int8(0)
-- b
SELECT t0.data::jsonb->'line' FROM public.v_log t0 ORDER BY t0.pk_log LIMIT 1;
