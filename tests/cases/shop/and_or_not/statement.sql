-- a
SELECT t0.name FROM public.v_user t0 WHERE (t0.age > $1::int8 OR (t0.active = $2::bool AND t0.role <> $3::text::role)) AND (t0.name = $4::text) IS NOT TRUE;
--   $1 = Int8(40)
--   $2 = Bool(false)
--   $3 = Text("admin")
--   $4 = Text("Zoe")
-- b
SELECT t0.name FROM public.v_user t0 WHERE (t0.age > $1::int8) IS NOT TRUE;
--   $1 = Int8(30)
-- c
SELECT t0.name FROM public.v_user t0 WHERE false;
-- d
SELECT t0.name FROM public.v_user t0 WHERE (t0.age < $1::int8 OR t0.email IS NULL) IS NOT TRUE;
--   $1 = Int8(30)
