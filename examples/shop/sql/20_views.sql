-- The read side: what the API serves. Three shapes, from the fastest to the simplest.

-- 1. Typed columns beside `data`. A field is read from the column of its name, a filter or a sort uses
--    that column's index, and `data` is never built unless something only it holds is asked for.
--    The columns are those of the table, one to one: PostgreSQL inlines such a view away.

CREATE VIEW v_user AS
SELECT pk_user, id, name, email, age, score, active, role, bio, tags, created_at,
       jsonb_build_object(
           'id', id,
           'name', name,
           'email', email,
           'age', age,
           'score', score,
           'active', active,
           'role', role,
           'bio', bio,
           'tags', tags,
           'created_at', created_at
       ) AS data
FROM tb_user;

CREATE VIEW v_post AS
SELECT pk_post, fk_user, id, title, body, status, view_count, published_at, created_at,
       jsonb_build_object(
           'id', id,
           'title', title,
           'body', body,
           'status', status,
           'view_count', view_count,
           'published_at', published_at,
           'created_at', created_at
       ) AS data
FROM tb_post;

CREATE VIEW v_comment AS
SELECT pk_comment, fk_post, fk_user, id, body, rating, created_at,
       jsonb_build_object(
           'id', id,
           'body', body,
           'rating', rating,
           'created_at', created_at
       ) AS data
FROM tb_comment;

-- 2. A stored document: tv_ is a table, not a view. Reading costs one row; whoever writes tb_product
--    writes tv_product in the same transaction.

CREATE TABLE tv_product (
    pk_product bigint PRIMARY KEY REFERENCES tb_product ON DELETE CASCADE,
    id         uuid NOT NULL UNIQUE,
    data       jsonb NOT NULL
);

-- 3. `id` and `data`, nothing else: the least to write. The customer and the items are embedded in the
--    document, so an order is read whole, without a join in the API.

CREATE VIEW v_order AS
SELECT o.id,
       jsonb_build_object(
           'id', o.id,
           'user_id', u.id,
           'status', o.status,
           'total', o.total,
           'note', o.note,
           'created_at', o.created_at,
           'customer', jsonb_build_object('id', u.id, 'name', u.name, 'email', u.email),
           'items', ARRAY(
               SELECT jsonb_build_object(
                          'sku', p.sku,
                          'name', p.name,
                          'quantity', i.quantity,
                          'unit_price', i.unit_price)
               FROM tb_order_item i
               JOIN tb_product p ON p.pk_product = i.fk_product
               WHERE i.fk_order = o.pk_order
               ORDER BY i.pk_order_item)
       ) AS data
FROM tb_order o
JOIN tb_user u ON u.pk_user = o.fk_user;

-- Rows of two types in one list: `__typename` in the document says which type each one is.

CREATE VIEW v_feed_item AS
(SELECT id, jsonb_build_object('__typename', 'Post') || data AS data
 FROM v_post
 WHERE status = 'published'
 ORDER BY created_at DESC, pk_post DESC
 LIMIT 50)
UNION ALL
(SELECT d.id, jsonb_build_object('__typename', 'Product') || d.data
 FROM tb_product p
 JOIN tv_product d USING (pk_product)
 ORDER BY p.created_at DESC, p.pk_product DESC
 LIMIT 50);
