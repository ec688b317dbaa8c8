-- after_null
SELECT NULL::int8, ARRAY(SELECT ROW(t0.name, t0.age, t0.pk_user) FROM public.v_user t0 WHERE t0.age IS NOT NULL OR (t0.age IS NULL AND t0.pk_user > $1::int8) ORDER BY t0.age NULLS FIRST, t0.pk_user LIMIT 3);
--   $1 = Int8(2)
-- after_value
SELECT NULL::int8, ARRAY(SELECT ROW(t0.name, t0.age, t0.pk_user) FROM public.v_user t0 WHERE (t0.age > $1::int8 OR t0.age IS NULL) OR (t0.age = $1::int8 AND t0.pk_user > $2::int8) ORDER BY t0.age, t0.pk_user LIMIT 4);
--   $1 = Int8(20)
--   $2 = Int8(3)
-- before_value
SELECT NULL::int8, ARRAY(SELECT ROW(t0.name, t0.age, t0.pk_user) FROM public.v_user t0 WHERE t0.age <= $1::int8 AND (t0.age < $1::int8 OR (t0.age = $1::int8 AND t0.pk_user < $2::int8)) ORDER BY t0.age DESC, t0.pk_user DESC LIMIT 3);
--   $1 = Int8(20)
--   $2 = Int8(3)
