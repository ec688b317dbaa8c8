-- boards
SELECT t0.data->'pinned', t0.data->'things' FROM (SELECT t1.data FROM public.v_board t1 OFFSET 0) t0;
