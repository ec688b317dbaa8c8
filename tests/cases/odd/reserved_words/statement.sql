-- orders
SELECT t0.id, t0."order", t0."user", t0."group", t0."select", ARRAY(SELECT ROW(t1."end", t1."when") FROM crm.v_line t1 WHERE t1."order" = t0."order" AND t1."end" > $1::int8 ORDER BY t1."end") FROM crm."order" t0 WHERE t0."order" > $2::int8 AND t0."user" = $3::text AND t0."group" = ANY($4::text[]) ORDER BY t0."group", t0.id LIMIT 1;
--   $1 = Int8(0)
--   $2 = Int8(0)
--   $3 = Text("u")
--   $4 = Texts([Some("g")])
