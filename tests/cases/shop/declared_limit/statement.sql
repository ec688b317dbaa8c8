-- a
SELECT t0.name FROM public.v_user t0 ORDER BY t0.pk_user LIMIT 2;
-- b
SELECT t0.name FROM public.v_user t0 ORDER BY t0.pk_user LIMIT 1;
