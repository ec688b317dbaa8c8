-- allInvoices
SELECT t0.number FROM public.v_invoice t0;
