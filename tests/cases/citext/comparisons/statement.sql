-- a
SELECT t0.email::text FROM public.v_contact t0 WHERE t0.email = $1::text::citext;
--   $1 = Text("ANN@example.COM")
-- b
SELECT t0.alias::text FROM public.v_contact t0 WHERE t0.alias = ANY($1::text[]::citext[]);
--   $1 = Texts([Some("annie")])
-- c
SELECT t0.alias::text FROM public.v_contact t0 WHERE t0.alias LIKE $1::text::citext AND t0.email LIKE $2::text::citext;
--   $1 = Text("ANN%")
--   $2 = Text("%EXAMPLE%")
-- d
SELECT t0.others::text[] FROM public.v_contact t0 WHERE t0.others::citext[] @> $1::text[]::citext[] ORDER BY t0.email DESC;
--   $1 = Texts([Some("a")])
-- e
SELECT t0.alias::text FROM public.v_contact t0 WHERE t0.alias ~ $1::text::citext;
--   $1 = Text("^ANN")
