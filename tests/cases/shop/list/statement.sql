-- users
SELECT t0.id, t0.name FROM public.v_user t0;
