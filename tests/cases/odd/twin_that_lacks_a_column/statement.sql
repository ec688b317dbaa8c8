-- accounts
SELECT t0.data->'name', t0.data->'notes' FROM (SELECT t1.data FROM public.v_account t1 WHERE (t1.data->>'name') <> $1::text OFFSET 0) t0;
--   $1 = Text("x")
