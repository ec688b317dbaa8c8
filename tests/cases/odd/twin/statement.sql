-- accounts
SELECT t0.id, t0.name, t0.city, ARRAY(SELECT ROW(t1.email::text) FROM public.v_contact t1 WHERE t1.fk_account = t0.pk_account) FROM public.vr_account t0 WHERE t0.name <> $1::text ORDER BY t0.city, t0.pk_account LIMIT 5;
--   $1 = Text("x")
