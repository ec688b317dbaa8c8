-- change
SELECT nullif(t0.entity::jsonb, 'null'), coalesce(t0.entity_id::text, (t0.entity::jsonb->>'id')), coalesce(t0.entity::jsonb ?& ARRAY['id', 'mood', 'name', 'tags'], false), t0.status::text, NULL::bool, NULL::bool, NULL::text, NULL::int4, t0.message::text FROM public.fn_change(p_id => $1::uuid, p_name => $2::text, p_mood => $3::text::mood, p_tags => $4::text[]) t0;
--   $1 = Uuid(00000000-0000-0000-0000-000000000001)
--   $2 = Text("Anna")
--   $3 = Text("busy")
--   $4 = Texts([Some("b"), Some("c")])
-- change, read back
SELECT t0.id, t0.name, t0.mood::text, t0.tags, t0.id::text FROM public.v_user t0 WHERE t0.id = ANY($1::uuid[]);
