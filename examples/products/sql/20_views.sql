-- The read side. Whatever is a key by itself is a column, so that entities are found by an index; nested objects and
-- lists are stored documents.

CREATE VIEW v_user AS
SELECT pk_user, email, name, total_products_created, years_of_employment
FROM tb_user;

CREATE VIEW v_product_research AS
SELECT pk_product_research, fk_product, outcome,
       jsonb_build_object(
           'study', jsonb_build_object('case_number', case_number, 'description', description),
           'outcome', outcome
       ) AS data
FROM tb_product_research;

CREATE VIEW v_product AS
SELECT pk_product, id, sku, package, notes, created_by,
       jsonb_build_object(
           'variation', jsonb_build_object('id', variation_id),
           'dimensions', jsonb_build_object('size', 'small', 'weight', 1, 'unit', 'kg'),
           'research', (
               SELECT coalesce(jsonb_agg(research.data ORDER BY research.pk_product_research), '[]')
               FROM v_product_research AS research
               WHERE research.fk_product = pk_product
           )
       ) AS data
FROM tb_product;

CREATE VIEW v_deprecated_product AS
SELECT pk_deprecated_product, sku, package, reason, fk_inventory,
       jsonb_build_object(
           'sku', sku,
           'package', package,
           'reason', reason,
           'created_by', (SELECT to_jsonb(v_user) FROM v_user WHERE email = created_by)
       ) AS data
FROM tb_deprecated_product;

CREATE VIEW v_inventory AS
SELECT pk_inventory, id,
       jsonb_build_object('deprecated_products', (
           SELECT coalesce(jsonb_agg(deprecated.data ORDER BY deprecated.pk_deprecated_product), '[]')
           FROM v_deprecated_product AS deprecated
           WHERE deprecated.fk_inventory = pk_inventory
       )) AS data
FROM tb_inventory;
