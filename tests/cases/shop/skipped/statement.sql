-- users
SELECT t0.name, t0.role::text FROM public.v_user t0 ORDER BY t0.pk_user LIMIT 1;
