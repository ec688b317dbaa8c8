-- The read side: a typed column for each field, so that filters and keys use the table's indexes,
-- and `data` for whatever has no column of its own.

CREATE VIEW v_order AS
SELECT id, total, status, user_id, created_at,
       jsonb_build_object(
           'id', id,
           'total', total,
           'status', status,
           'user_id', user_id,
           'created_at', created_at
       ) AS data
FROM tb_order;
