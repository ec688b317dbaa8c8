-- a
SELECT to_json(t0.address), t0.span, t0.blob, to_json(t0.range) FROM public.v_contact t0 WHERE t0.address = $1::text::inet AND t0.span > $2::text::interval AND t0.blob IS NOT NULL;
--   $1 = Text("10.0.0.1")
--   $2 = Text("1 day")
-- b
SELECT t0.id FROM public.v_contact t0 ORDER BY t0.address, t0.span DESC;
