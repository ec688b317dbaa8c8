-- a
SELECT t0.name FROM public.v_user t0 WHERE t0.name LIKE $1::text;
--   $1 = Text("%\\%%")
-- b
SELECT t0.name FROM public.v_user t0 WHERE t0.name LIKE $1::text;
--   $1 = Text("%\\_")
-- c
SELECT t0.name FROM public.v_user t0 WHERE t0.email ILIKE $1::text;
--   $1 = Text("ANN@%")
-- d
SELECT t0.name FROM public.v_user t0 WHERE t0.name ~* $1::text AND t0.email NOT LIKE $2::text;
--   $1 = Text("^[ab]")
--   $2 = Text("%bob%")
-- e
SELECT t0.name FROM public.v_user t0 WHERE t0.id::text LIKE $1::text;
--   $1 = Text("%0004")
-- f
SELECT t0.name FROM public.v_user t0 WHERE t0.name ILIKE $1::text;
--   $1 = Text("aN%")
