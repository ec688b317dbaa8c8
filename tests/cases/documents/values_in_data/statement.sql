-- a
SELECT t0.data->'total' FROM public.v_order t0 WHERE (t0.data->>'total')::numeric > $1::text::numeric AND (t0.data->>'count')::int4 <= $2::int8;
--   $1 = Text("5")
--   $2 = Int8(2)
-- b
SELECT t0.data->'total' FROM public.v_order t0 WHERE (t0.data->>'placed_at')::timestamptz >= $1::text::timestamptz;
--   $1 = Text("2024-02-03T08:00:00Z")
-- c
SELECT t0.data->'total' FROM public.v_order t0 WHERE (t0.data->>'status') = ANY($1::text[]) AND (t0.data->>'note') IS NULL;
--   $1 = Texts([Some("paid")])
-- d
SELECT t0.data->'total' FROM public.v_order t0 WHERE coalesce(jsonb_typeof(t0.data->'payload'), 'null') = 'null';
-- e
SELECT t0.data->'total' FROM public.v_order t0 WHERE t0.data->'payload' @> $1::text::jsonb;
--   $1 = Text("{\"k\":[1]}")
-- f
SELECT t0.data->'total', t0.data->'payload' FROM (SELECT t1.data FROM public.v_order t1 WHERE t1.data->'payload' ? $1::text OFFSET 0) t0;
--   $1 = Text("k")
-- g
SELECT t0.data->'total' FROM public.v_order t0 WHERE t0.id = ANY($1::uuid[]);
--   $1 = Uuids([Some(00000000-0000-0000-0000-000000000002)])
