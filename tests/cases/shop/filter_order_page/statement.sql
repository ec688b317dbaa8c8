-- users
SELECT t0.name, t0.age, t0.balance, t0.points, t0.rating, t0.created_at, t0.seen_at, t0.born_on, t0.wakes_at FROM public.v_user t0 WHERE t0.age >= $1::int8 AND t0.active = $2::bool ORDER BY t0.age DESC NULLS LAST, t0.name, t0.pk_user LIMIT 2 OFFSET $3::int8;
--   $1 = Int8(18)
--   $2 = Bool(true)
--   $3 = Int8(1)
