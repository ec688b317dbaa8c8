-- find
SELECT NULL::jsonb, t0.id::text, true FROM public.fn_find(p_id => $1::uuid) t0;
--   $1 = Uuid(00000000-0000-0000-0000-000000000001)
-- find, read back
SELECT t0.name, ARRAY(SELECT ROW(t1.title) FROM public.v_post t1 WHERE t1.fk_user = t0.pk_user ORDER BY t1.pk_post LIMIT 1), t0.id::text FROM public.v_user t0 WHERE t0.id = ANY($1::uuid[]);
