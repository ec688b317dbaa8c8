-- a
SELECT t0.email::text FROM public.v_contact t0 WHERE t0.email = $1::text::text;
--   $1 = Text("Ann@Example.com")
-- b
SELECT t0.alias FROM public.v_contact t0 WHERE t0.alias = ANY($1::text[]);
--   $1 = Texts([Some("Annie")])
-- c
SELECT t0.alias FROM public.v_contact t0 WHERE t0.email LIKE $1::text AND t0.label LIKE $2::text;
--   $1 = Text("%Example%")
--   $2 = Text("f%")
-- d
SELECT t0.price::numeric FROM public.v_contact t0 WHERE t0.price >= $1::text::numeric ORDER BY t0.email DESC;
--   $1 = Text("1.5")
-- e
SELECT t0.emails::text[], t0.label::varchar FROM public.v_contact t0 WHERE t0.emails::text[] @> $1::text[]::text[] AND t0.label = $2::text::varchar;
--   $1 = Texts([Some("a@b")])
--   $2 = Text("first")
