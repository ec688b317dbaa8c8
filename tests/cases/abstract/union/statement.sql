-- things
SELECT t0.data::jsonb FROM public.v_thing t0 ORDER BY t0.id LIMIT 2;
