-- save
SELECT nullif(t0.value::jsonb, 'null'), (t0.value::jsonb->>'id'), coalesce(t0.value::jsonb ?& ARRAY['mood', 'name'], false) FROM public.fn_save(p_input => $1::text::jsonb) t0(value);
--   $1 = Text("{\"id\":\"00000000-0000-0000-0000-000000000001\",\"mood\":\"busy\"}")
-- save, read back
SELECT t0.name, t0.mood::text, t0.id::text FROM public.v_user t0 WHERE t0.id = ANY($1::uuid[]);
