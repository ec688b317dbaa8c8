-- feed
SELECT t0.data FROM public.v_feed t0 WHERE (t0.data->>'title') <> $1::text ORDER BY (t0.data->>'title') DESC, t0.pk_feed LIMIT 5;
--   $1 = Text("Z")
-- entry
SELECT t0.data FROM public.v_feed t0 WHERE t0.id = $1::uuid LIMIT 1;
--   $1 = Uuid(00000000-0000-0000-0000-000000000001)
