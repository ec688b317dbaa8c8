-- a
SELECT t0.code FROM public.v_contact t0 WHERE t0.code = $1::text::bpchar;
--   $1 = Text("ab")
-- b
SELECT t0.code, t0.email::text FROM public.v_contact t0 WHERE t0.code = $1::text::bpchar LIMIT 1;
--   $1 = Text("abcd")
-- c
SELECT t0.code FROM public.v_contact t0 WHERE t0.code = ANY($1::text[]::bpchar[]);
--   $1 = Texts([Some("ab"), Some("abcd")])
