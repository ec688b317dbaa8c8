-- pages
SELECT NULL::int8, ARRAY(SELECT ROW(to_json(t0.address), t0.address::text, t0.pk_contact) FROM public.v_contact t0 WHERE t0.address IS NOT NULL OR (t0.address IS NULL AND t0.pk_contact > $1::int8) ORDER BY t0.address NULLS FIRST, t0.pk_contact LIMIT 2);
--   $1 = Int8(2)
-- moods
SELECT NULL::int8, ARRAY(SELECT ROW(t0.mood::text, t0.price::text, t0.pk_contact) FROM public.v_contact t0 ORDER BY t0.mood, t0.price DESC, t0.pk_contact LIMIT 3);
