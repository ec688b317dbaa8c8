-- a
SELECT t0.name, t0.tags FROM public.v_user t0 WHERE t0.tags @> $1::text[];
--   $1 = Texts([Some("sql")])
-- b
SELECT t0.name, t0.scores FROM public.v_user t0 WHERE t0.tags && $1::text[] AND cardinality(t0.scores) >= $2::int8;
--   $1 = Texts([Some("go"), Some("a,b")])
--   $2 = Int8(0)
-- c
SELECT t0.name, t0.past_roles::text[] FROM public.v_user t0 WHERE t0.past_roles::role[] <@ $1::text[]::role[] AND cardinality(t0.tags) = $2::int8;
--   $1 = Texts([Some("member")])
--   $2 = Int8(2)
-- d
SELECT t0.scores FROM public.v_user t0 WHERE t0.scores @> $1::int8[]::int2[];
--   $1 = Int8s([Some(3)])
