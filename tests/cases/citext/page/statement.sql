-- pages
SELECT NULL::int8, ARRAY(SELECT ROW(t0.email::text, t0.pk_contact) FROM public.v_contact t0 WHERE t0.email >= $1::text::citext AND (t0.email > $1::text::citext OR (t0.email = $1::text::citext AND t0.pk_contact > $2::int8)) ORDER BY t0.email, t0.pk_contact LIMIT 2);
--   $1 = Text("ANN@EXAMPLE.COM")
--   $2 = Int8(1)
