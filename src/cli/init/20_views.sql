-- The read side: what the API serves.
--
-- A field is read from the column of its name, and filters and sorts use that column's index. `data` is
-- for what has no column; it is never built unless something only it holds is asked for.

CREATE VIEW v_user AS
SELECT pk_user, id, name, email, created_at,
       jsonb_build_object(
           'id', id,
           'name', name,
           'email', email,
           'created_at', created_at
       ) AS data
FROM tb_user;

CREATE VIEW v_post AS
SELECT pk_post, fk_user, id, title, body, published_at, created_at,
       jsonb_build_object(
           'id', id,
           'title', title,
           'body', body,
           'published_at', published_at,
           'created_at', created_at
       ) AS data
FROM tb_post;
