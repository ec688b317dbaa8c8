-- Entities with keys of every kind: one column, several, columns inside documents, of other services.

CREATE EXTENSION IF NOT EXISTS citext;
CREATE TYPE grade AS ENUM ('low', 'high');
CREATE DOMAIN slug AS text CHECK (VALUE ~ '^[a-z0-9-]+$');

CREATE TABLE tb_user (
    pk_user bigint PRIMARY KEY,
    id uuid NOT NULL UNIQUE,
    email citext NOT NULL UNIQUE,
    name text NOT NULL,
    salary int,
    tenant_id text NOT NULL
);
INSERT INTO tb_user
SELECT n, md5('user' || n)::uuid, 'user' || n || '@example.org', 'User ' || n, n * 1000, 'tenant' || n % 2
FROM generate_series(1, 12000) n;
CREATE VIEW v_user AS SELECT id, pk_user, email, name, salary, tenant_id FROM tb_user;

CREATE TABLE tb_post (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), fk_user bigint REFERENCES tb_user, title text NOT NULL);
INSERT INTO tb_post (fk_user, title) SELECT u, 'Post ' || u || '.' || n FROM generate_series(1, 50) u, generate_series(1, 3) n;
CREATE INDEX ON tb_post (fk_user);
CREATE VIEW v_post AS SELECT id, fk_user, title FROM tb_post;

CREATE VIEW v_invoice AS SELECT id, name, tenant_id FROM tb_user WHERE pk_user <= 20;
CREATE VIEW v_ledger AS SELECT id, name FROM tb_user WHERE pk_user <= 20;

CREATE TABLE tb_product (id text PRIMARY KEY, sku text, package text, data jsonb NOT NULL, UNIQUE (sku, package));
INSERT INTO tb_product SELECT 'p' || n, 'sku' || n / 2, CASE n % 2 WHEN 0 THEN 'even' ELSE 'odd' END,
    jsonb_build_object('variation', jsonb_build_object('id', 'v' || n, 'name', 'Variation ' || n), 'title', 'Product ' || n)
FROM generate_series(1, 100) n;
CREATE VIEW v_product AS SELECT id, sku, package, data FROM tb_product;

CREATE TABLE tb_study (pk_study bigint PRIMARY KEY, data jsonb NOT NULL);
INSERT INTO tb_study SELECT n, jsonb_build_object('study', jsonb_build_object('case_number', 1000 + n, 'label', 'Study ' || n),
    'outcome', 'Outcome ' || n) FROM generate_series(1, 20) n;
CREATE VIEW v_research AS SELECT pk_study, data FROM tb_study;

CREATE TABLE tb_reading (
    number int PRIMARY KEY,
    amount numeric(12, 4) NOT NULL,
    day date NOT NULL,
    at timestamptz NOT NULL,
    active boolean NOT NULL,
    grade grade NOT NULL,
    slug slug NOT NULL,
    address inet NOT NULL,
    weight float8 NOT NULL,
    note text
);
INSERT INTO tb_reading SELECT n, n * 1.5, date '2024-01-01' + n, timestamptz '2024-01-01 00:00+00' + n * interval '1 hour',
    n % 2 = 0, (CASE n % 2 WHEN 0 THEN 'low' ELSE 'high' END)::grade, 'slug-' || n, ('10.0.0.' || n)::inet, n / 4.0, 'Reading ' || n
FROM generate_series(1, 30) n;
CREATE VIEW v_reading AS SELECT * FROM tb_reading;

CREATE VIEW v_book AS SELECT id, 'Book ' || pk_user AS title, pk_user::int AS pages FROM tb_user WHERE pk_user <= 10;
CREATE VIEW v_film AS SELECT id, 'Film ' || pk_user AS title, pk_user::int AS minutes FROM tb_user WHERE pk_user BETWEEN 11 AND 20;

CREATE VIEW v_parcel AS SELECT 'parcel' || n AS id, 'Parcel ' || n AS label, NULL::text AS broken FROM generate_series(1, 5) n;

CREATE VIEW v_person AS SELECT 'person' || n || '@example.org' AS email, 'Person ' || n AS name FROM generate_series(1, 20) n;

-- Once for each representation: its names are those of SQL, like those of every document.
CREATE FUNCTION fn_average(representation jsonb) RETURNS int LANGUAGE sql IMMUTABLE AS $$
    SELECT round((representation->>'total_products')::numeric / (representation->>'years_of_employment')::numeric)::int
$$;
CREATE FUNCTION fn_tags(representation json) RETURNS text[] LANGUAGE sql IMMUTABLE AS $$
    SELECT ARRAY[representation->>'__typename', representation#>>'{profile,home_page}', representation#>>'{profile,grade}']
$$;
-- Once for all of them.
CREATE SEQUENCE calls;
CREATE FUNCTION fn_ranks(representations jsonb[], factor int DEFAULT 2) RETURNS int[] LANGUAGE plpgsql AS $$
BEGIN
    PERFORM nextval('calls');
    RETURN (SELECT array_agg((value->>'total_products')::int * factor ORDER BY place)
            FROM unnest(representations) WITH ORDINALITY t(value, place));
END $$;
CREATE FUNCTION fn_shipping_estimate(representation jsonb) RETURNS numeric LANGUAGE sql IMMUTABLE AS $$
    SELECT (representation->>'price')::numeric * 0.1 + (representation->>'weight')::numeric
$$;
