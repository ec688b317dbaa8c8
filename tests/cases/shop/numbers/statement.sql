-- a
SELECT t0.name, t0.balance FROM public.v_user t0 WHERE t0.balance > $1::text::numeric;
--   $1 = Text("0.1")
-- b
SELECT t0.name, t0.rating FROM public.v_user t0 WHERE t0.rating = $1::float8::float4;
--   $1 = Float8(4.5)
-- c
SELECT t0.name, t0.points FROM public.v_user t0 WHERE t0.points = $1::int8;
--   $1 = Int8(9007199254740993)
-- d
SELECT t0.name FROM public.v_user t0 WHERE t0.created_at < $1::text::timestamptz AND t0.born_on >= $2::text::date AND t0.wakes_at = $3::text::time;
--   $1 = Text("2024-01-02T00:00:00Z")
--   $2 = Text("1984-02-29")
--   $3 = Text("06:30:00")
