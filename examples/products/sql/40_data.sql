-- What the suite expects to find.

INSERT INTO tb_user (email, name, total_products_created, years_of_employment) VALUES
    ('support@apollographql.com', 'Jane Smith', 1337, 10);

INSERT INTO tb_product (id, sku, package, variation_id, created_by) VALUES
    ('apollo-federation', 'federation', '@apollo/federation', 'OSS', 'support@apollographql.com'),
    ('apollo-studio', 'studio', '', 'platform', 'support@apollographql.com');

INSERT INTO tb_product_research (fk_product, case_number, description)
SELECT pk_product, case_number, description
FROM tb_product
JOIN (VALUES
    ('apollo-federation', '1234', 'Federation Study'),
    ('apollo-studio', '1235', 'Studio Study')
) AS research (product, case_number, description) ON id = product;

INSERT INTO tb_inventory (id) VALUES ('apollo-oss');

INSERT INTO tb_deprecated_product (sku, package, reason, created_by, fk_inventory)
SELECT 'apollo-federation-v1', '@apollo/federation-v1', 'Migrate to Federation V2', 'support@apollographql.com', pk_inventory
FROM tb_inventory;
