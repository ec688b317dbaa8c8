-- people
SELECT NULL::int8, ARRAY(SELECT ROW(t0.name, t0.created_at, t0.pk_user) FROM public.v_user t0 WHERE t0.created_at <= $1::text::timestamptz AND (t0.created_at < $1::text::timestamptz OR (t0.created_at = $1::text::timestamptz AND t0.pk_user > $2::int8)) ORDER BY t0.created_at DESC, t0.pk_user LIMIT 3);
--   $1 = Text("2024-01-02T00:00:00+00:00")
--   $2 = Int8(2)
