-- invoicePages
SELECT (SELECT count(*)::int8 FROM public.v_invoice t0 WHERE t0.tenant_id = $1::uuid), ARRAY(SELECT ROW(t1.number, t1.pk_invoice) FROM public.v_invoice t1 WHERE t1.tenant_id = $1::uuid ORDER BY t1.pk_invoice LIMIT 2);
--   $1 = Uuid(a0000000-0000-0000-0000-000000000001)
