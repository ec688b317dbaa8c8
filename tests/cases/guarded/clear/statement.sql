-- invoices
SELECT t0.number, t0.margin, t0.data->'payer', ARRAY(SELECT ROW(t1.cost) FROM public.v_invoice_line t1 WHERE t1.fk_invoice = t0.pk_invoice), t0.secret FROM public.v_invoice t0 WHERE t0.tenant_id = $1::uuid AND (t0.data->>'region') = $2::text AND t0.margin > $3::text::numeric;
--   $1 = Uuid(a0000000-0000-0000-0000-000000000001)
--   $2 = Text("north")
--   $3 = Text("1")
