-- pages
SELECT NULL::int8, ARRAY(SELECT ROW(t0.data->'name', (t0.data->>'id')::text) FROM (SELECT t1.data FROM v_user t1 ORDER BY (t1.data->>'id') LIMIT 3 OFFSET 0) t0);
