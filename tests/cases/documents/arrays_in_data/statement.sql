-- a
SELECT t0.data->'total', t0.data->'tags' FROM (SELECT t1.data FROM public.v_order t1 WHERE t1.data->'tags' @> to_jsonb($1::text[]) OFFSET 0) t0;
--   $1 = Texts([Some("gift")])
-- b
SELECT t0.data->'total' FROM public.v_order t0 WHERE EXISTS (SELECT 1 FROM jsonb_array_elements(CASE jsonb_typeof(t0.data->'tags') WHEN 'array' THEN t0.data->'tags' ELSE '[]' END) t_value WHERE to_jsonb($1::text[]) @> t_value);
--   $1 = Texts([Some("rush"), Some("x")])
-- c
SELECT t0.data->'total', t0.data->'marks' FROM (SELECT t1.data FROM public.v_order t1 WHERE t1.data->'marks' <@ to_jsonb($1::int8[]) AND CASE WHEN jsonb_typeof(t1.data->'tags') = 'array' THEN jsonb_array_length(t1.data->'tags') END > $2::int8 OFFSET 0) t0;
--   $1 = Int8s([Some(1), Some(2), Some(3)])
--   $2 = Int8(0)
-- d
SELECT t0.data->'total', t0.data->'marks' FROM (SELECT t1.data FROM public.v_order t1 WHERE coalesce(jsonb_typeof(t1.data->'marks'), 'null') = 'null' OFFSET 0) t0;
