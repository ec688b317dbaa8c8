-- The read side: a typed column for each field, so that filters and keys use the table's indexes,
-- and `data` for whatever has no column of its own.

CREATE VIEW v_user AS
SELECT id, name, email, created_at,
       jsonb_build_object(
           'id', id,
           'name', name,
           'email', email,
           'created_at', created_at
       ) AS data
FROM tb_user;
