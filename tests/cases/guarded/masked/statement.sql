-- invoices
SELECT t0.number, t0.data->'payer', ARRAY(SELECT ROW(t1.text) FROM public.v_invoice_line t1 WHERE t1.fk_invoice = t0.pk_invoice) FROM public.v_invoice t0 WHERE t0.tenant_id = $1::uuid AND (t0.data->>'region') = $2::text;
--   $1 = Uuid(a0000000-0000-0000-0000-000000000001)
--   $2 = Text("north")
