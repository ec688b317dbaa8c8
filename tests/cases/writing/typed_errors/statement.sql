-- try
SELECT CASE WHEN lower(trim(t0.status::text)) LIKE ANY (ARRAY['success%', 'ok', 'new', 'created', 'updated', 'deleted', 'noop%']) THEN NULL::jsonb ELSE jsonb_build_object('message', t0.message, 'status', t0.status, 'entity_id', t0.entity_id, 'entity_type', t0.entity_type) || CASE jsonb_typeof(t0.metadata::jsonb) WHEN 'object' THEN t0.metadata::jsonb ELSE '{}' END || jsonb_build_object('__typename', 'Taken'::text) END, coalesce(t0.entity_id::text, (t0.entity::jsonb->>'id')), true, t0.status::text, NULL::bool, NULL::bool, NULL::text, NULL::int4, t0.message::text FROM public.fn_try(p_name => $1::text, p_tenant => $2::text) t0;
--   $1 = Text("Ann")
--   $2 = Text("t1")
-- try, read back
SELECT t0.name, ARRAY(SELECT ROW(t1.title) FROM public.v_post t1 WHERE t1.fk_user = t0.pk_user), t0.id::text FROM public.v_user t0 WHERE t0.id = ANY($1::uuid[]);
