-- Views of (id, data), one with some typed columns, one whose document is json and not jsonb.
CREATE TABLE tb_order (id uuid PRIMARY KEY, doc jsonb NOT NULL);
CREATE VIEW v_order AS SELECT id, doc || jsonb_build_object('id', id) AS data FROM tb_order;

INSERT INTO tb_order VALUES
    ('00000000-0000-0000-0000-000000000001', '{"total": 20.50, "placed_at": "2024-02-01T10:00:00+00:00", "note": null,
      "paid": true, "count": 2, "status": "paid", "tags": ["gift", "rush"], "marks": [1, 2], "payload": {"k": [1, {"x": null}]},
      "customer": {"name": "Ann", "address": {"city": "Oslo", "zip": "0150"}},
      "items": [{"sku": "A-1", "quantity": 2, "price": 10.25, "options": [{"name": "red"}]}]}'),
    ('00000000-0000-0000-0000-000000000002', '{"total": 5, "placed_at": "2024-02-02T10:00:00+00:00", "note": "leave it",
      "paid": false, "count": 10, "status": "pending", "tags": [],
      "customer": {"name": "Bob", "address": null},
      "items": [{"sku": "B-1", "quantity": 1, "price": 5, "options": []}, {"sku": "A-1", "quantity": 9, "price": 0, "options": []}]}'),
    ('00000000-0000-0000-0000-000000000003', '{"total": 100, "placed_at": "2024-02-03T10:00:00+02:00",
      "paid": false, "status": "pending", "tags": ["gift"], "marks": [], "payload": null,
      "customer": {"name": "O''Neil \\ Co"}, "items": []}');

CREATE TABLE tb_product (pk_product bigint PRIMARY KEY, id uuid NOT NULL, sku text NOT NULL, price numeric NOT NULL, variants jsonb NOT NULL);
CREATE VIEW v_product AS
SELECT pk_product, id, sku, price, variants,
       jsonb_build_object('title', 'Product ' || sku, 'details', jsonb_build_object('weight_grams', pk_product * 100)) AS data
FROM tb_product;
INSERT INTO tb_product
SELECT n, ('30000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid, 'S' || n, n * 1.10,
       jsonb_build_array(jsonb_build_object('color', 'red', 'stock', n), jsonb_build_object('color', 'blue', 'stock', 0))
FROM generate_series(1, 5) n;

CREATE TABLE tb_log (pk_log bigint PRIMARY KEY, id uuid NOT NULL, data json NOT NULL);
CREATE VIEW v_log AS SELECT pk_log, id, data FROM tb_log;
INSERT INTO tb_log VALUES
    (1, '40000000-0000-0000-0000-000000000001', '{"line": "started", "level": 1, "context": {"b": 1,  "a": 2}, "where": {"city": "Oslo"}}'),
    (2, '40000000-0000-0000-0000-000000000002', '{"line": "stopped", "level": 3, "context": null}');
