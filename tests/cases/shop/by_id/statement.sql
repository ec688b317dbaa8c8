-- user
SELECT t0.id, t0.name, t0.role::text FROM public.v_user t0 WHERE t0.id = $1::uuid LIMIT 1;
--   $1 = Uuid(00000000-0000-0000-0000-000000000001)
