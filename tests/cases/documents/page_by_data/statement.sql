-- orderPages
SELECT (SELECT count(*)::int8 FROM public.v_order t0), ARRAY(SELECT ROW(t1.data->'total', (t1.data->>'total')::numeric::text, t1.id) FROM (SELECT t2.data, t2.id FROM public.v_order t2 WHERE (t2.data->>'total')::numeric >= $1::text::numeric AND ((t2.data->>'total')::numeric > $1::text::numeric OR ((t2.data->>'total')::numeric = $1::text::numeric AND t2.id > $2::uuid)) ORDER BY (t2.data->>'total')::numeric, t2.id LIMIT 2 OFFSET 0) t1);
--   $1 = Text("20.50")
--   $2 = Uuid(00000000-0000-0000-0000-000000000001)
