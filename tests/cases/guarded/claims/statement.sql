-- invoices
SELECT t0.number FROM public.v_invoice t0 WHERE t0.tenant_id = $1::uuid AND (t0.data->>'region') = $2::text AND t0.number <> $3::text ORDER BY t0.pk_invoice LIMIT 5;
--   $1 = Uuid(a0000000-0000-0000-0000-000000000001)
--   $2 = Text("north")
--   $3 = Text("N3")
-- invoicesCount
SELECT count(*)::int8 FROM public.v_invoice t0 WHERE t0.tenant_id = $1::uuid AND (t0.data->>'region') = $2::text;
--   $1 = Uuid(a0000000-0000-0000-0000-000000000001)
--   $2 = Text("north")
