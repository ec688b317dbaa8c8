-- balance
SELECT NULL::int8, ARRAY(SELECT ROW(t0.name, t0.balance::text, t0.pk_user) FROM public.v_user t0 WHERE t0.balance >= $1::text::numeric AND (t0.balance > $1::text::numeric OR (t0.balance = $1::text::numeric AND t0.pk_user > $2::int8)) ORDER BY t0.balance, t0.pk_user LIMIT 2);
--   $1 = Text("-5.00")
--   $2 = Int8(3)
-- rating
SELECT NULL::int8, ARRAY(SELECT ROW(t0.name, t0.rating, t0.pk_user) FROM public.v_user t0 WHERE (t0.rating < $1::float8::float4 OR t0.rating IS NULL) OR (t0.rating = $1::float8::float4 AND t0.pk_user > $2::int8) ORDER BY t0.rating DESC NULLS LAST, t0.pk_user LIMIT 2);
--   $1 = Float8(4.5)
--   $2 = Int8(1)
-- active
SELECT NULL::int8, ARRAY(SELECT ROW(t0.name, t0.active, t0.pk_user) FROM public.v_user t0 WHERE t0.active >= $1::bool AND (t0.active > $1::bool OR (t0.active = $1::bool AND t0.pk_user > $2::int8)) ORDER BY t0.active, t0.pk_user LIMIT 2);
--   $1 = Bool(false)
--   $2 = Int8(2)
-- role
SELECT NULL::int8, ARRAY(SELECT ROW(t0.name, t0.role::text, t0.pk_user) FROM public.v_user t0 WHERE t0.role >= $1::text::role AND (t0.role > $1::text::role OR (t0.role = $1::text::role AND t0.pk_user > $2::int8)) ORDER BY t0.role, t0.pk_user LIMIT 2);
--   $1 = Text("member")
--   $2 = Int8(3)
-- bornOn
SELECT NULL::int8, ARRAY(SELECT ROW(t0.name, t0.born_on, t0.pk_user) FROM public.v_user t0 WHERE (t0.born_on > $1::text::date OR t0.born_on IS NULL) OR (t0.born_on = $1::text::date AND t0.pk_user > $2::int8) ORDER BY t0.born_on, t0.pk_user LIMIT 2);
--   $1 = Text("1984-02-29")
--   $2 = Int8(1)
-- wakesAt
SELECT NULL::int8, ARRAY(SELECT ROW(t0.name, t0.wakes_at, t0.pk_user) FROM public.v_user t0 WHERE (t0.wakes_at < $1::text::time OR t0.wakes_at IS NULL) OR (t0.wakes_at = $1::text::time AND t0.pk_user > $2::int8) ORDER BY t0.wakes_at DESC NULLS LAST, t0.pk_user LIMIT 2);
--   $1 = Text("23:59:59.5")
--   $2 = Int8(3)
-- seenAt
SELECT NULL::int8, ARRAY(SELECT ROW(t0.name, t0.seen_at, t0.pk_user) FROM public.v_user t0 WHERE (t0.seen_at > $1::text::timestamp OR t0.seen_at IS NULL) OR (t0.seen_at = $1::text::timestamp AND t0.pk_user > $2::int8) ORDER BY t0.seen_at, t0.pk_user LIMIT 2);
--   $1 = Text("2024-05-01T12:00:00")
--   $2 = Int8(1)
-- id
SELECT NULL::int8, ARRAY(SELECT ROW(t0.name, t0.id, t0.pk_user) FROM public.v_user t0 WHERE t0.id <= $1::uuid AND (t0.id < $1::uuid OR (t0.id = $1::uuid AND t0.pk_user > $2::int8)) ORDER BY t0.id DESC, t0.pk_user LIMIT 2);
--   $1 = Uuid(00000000-0000-0000-0000-000000000003)
--   $2 = Int8(3)
-- points
SELECT NULL::int8, ARRAY(SELECT ROW(t0.name, t0.points, t0.pk_user) FROM public.v_user t0 WHERE t0.points <= $1::int8 AND (t0.points < $1::int8 OR (t0.points = $1::int8 AND t0.name > $2::text) OR (t0.points = $1::int8 AND t0.name = $2::text AND t0.pk_user > $3::int8)) ORDER BY t0.points DESC, t0.name, t0.pk_user LIMIT 2);
--   $1 = Int8(9007199254740993)
--   $2 = Text("Ann")
--   $3 = Int8(1)
