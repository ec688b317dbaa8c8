-- a
SELECT t0.level, t0.cents FROM public.v_contact t0 WHERE t0.level > $1::float8 AND t0.cents < $2::text::numeric;
--   $1 = Float8(2.5)
--   $2 = Text("250.5")
-- b
SELECT t0.level FROM public.v_contact t0 WHERE t0.level = ANY($1::float8[]) AND t0.cents = $2::text::numeric;
--   $1 = Float8s([Some(3.0)])
--   $2 = Text("250.0")
