-- accountPages
SELECT NULL::int8, ARRAY(SELECT ROW(t0.name, t0.pk_account) FROM public.vr_account t0 ORDER BY t0.pk_account LIMIT 2);
