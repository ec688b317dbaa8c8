-- user
SELECT t0.data->'name' FROM v_user t0 WHERE (t0.data->>'id') = $1::text LIMIT 1;
--   $1 = Text("5")
