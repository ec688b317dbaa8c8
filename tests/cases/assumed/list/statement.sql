-- users
SELECT t0.data->'id', t0.data->'name', ARRAY(SELECT ROW(t1.data->'title') FROM blog.v_post t1 WHERE t1.fk_user = t0.pk_user ORDER BY (t1.data->>'id') LIMIT 2) FROM (SELECT t2.data, t2.pk_user FROM v_user t2 WHERE (t2.data->>'age')::int4 > $1::int8 ORDER BY (t2.data->>'name'), (t2.data->>'id') LIMIT 3 OFFSET 0) t0;
--   $1 = Int8(18)
