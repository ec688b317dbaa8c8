-- a
SELECT t0.name, t0.role::text FROM public.v_user t0 WHERE t0.role = ANY($1::text[]::role[]) AND t0.id = ANY($2::uuid[]);
--   $1 = Texts([Some("admin"), Some("member")])
--   $2 = Uuids([Some(00000000-0000-0000-0000-000000000001), Some(00000000-0000-0000-0000-000000000003)])
-- b
SELECT t0.name FROM public.v_user t0 WHERE t0.age <> ALL($1::int8[]) AND t0.points <> ALL($2::int8[]);
--   $1 = Int8s([Some(20)])
--   $2 = Int8s([])
-- c
SELECT t0.name FROM public.v_user t0 WHERE t0.age = ANY($1::int8[]);
--   $1 = Int8s([])
