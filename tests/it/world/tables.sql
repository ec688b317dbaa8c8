-- One table with a column of every kind, shown as typed columns and as documents with the same rows.

CREATE TYPE kind AS ENUM ('small-size', 'large-size', 'odd');

CREATE TABLE tb_category (
    pk_category bigint PRIMARY KEY,
    id uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
    name text NOT NULL,
    rank int
);
INSERT INTO tb_category (pk_category, name, rank)
SELECT n, 'Category ' || n, nullif(n % 3, 0) FROM generate_series(1, 6) n;

CREATE TABLE tb_item (
    pk_item bigint PRIMARY KEY,
    id uuid NOT NULL UNIQUE,
    fk_category bigint REFERENCES tb_category,
    name text NOT NULL,
    note text,
    size int NOT NULL,
    total bigint,
    weight float8,
    price numeric(12, 2),
    active boolean,
    made_at timestamptz,
    day date,
    at time,
    code uuid,
    kind kind,
    tags text[],
    meta jsonb,
    owner jsonb,
    parts jsonb
);
INSERT INTO tb_item
SELECT n, md5('item' || n)::uuid, nullif(n % 6, 0),
    CASE n % 6 WHEN 0 THEN 'Plain ' || n WHEN 1 THEN 'plain ' || n WHEN 2 THEN 'a_b ' || n
        WHEN 3 THEN '100% ' || n WHEN 4 THEN 'back\slash ' || n ELSE 'Ärger ''quoted'' ' || n END,
    CASE WHEN n % 5 > 0 THEN 'note ' || n % 7 END,
    n % 10,
    CASE WHEN n % 4 > 0 THEN 9007199254740990 + n END,
    CASE WHEN n % 3 > 0 THEN n / 8.0 END,
    CASE WHEN n % 7 > 0 THEN n * 1.15 END,
    CASE WHEN n % 3 > 0 THEN n % 2 = 0 END,
    CASE WHEN n % 8 > 0 THEN timestamptz '2024-01-01 00:00+00' + n * interval '7 hours' END,
    CASE WHEN n % 8 > 1 THEN date '2024-01-01' + n END,
    CASE WHEN n % 8 > 2 THEN time '00:30' + n * interval '17 minutes' END,
    CASE WHEN n % 8 > 3 THEN md5('code' || n % 9)::uuid END,
    (CASE n % 4 WHEN 0 THEN 'small-size' WHEN 1 THEN 'large-size' WHEN 2 THEN 'odd' END)::kind,
    CASE n % 5 WHEN 0 THEN NULL WHEN 1 THEN '{}' WHEN 2 THEN '{red}' WHEN 3 THEN '{red,blue}' ELSE '{green,"odd one"}' END::text[],
    CASE n % 5 WHEN 0 THEN NULL WHEN 1 THEN '{"a": 1}' WHEN 2 THEN '{"a": 1, "b": [1, 2]}' WHEN 3 THEN '[1, 2]' ELSE '"text"' END::jsonb,
    CASE WHEN n % 4 > 0 THEN jsonb_build_object('full_name', 'Owner ' || n % 5, 'age', nullif(n % 9, 0)) END,
    CASE n % 3 WHEN 0 THEN NULL WHEN 1 THEN '[]'
        ELSE jsonb_build_array(jsonb_build_object('sku', 's' || n, 'qty', n % 4), jsonb_build_object('sku', 't', 'qty', 9)) END
FROM generate_series(1, 60) n;

CREATE VIEW v_category AS SELECT id, pk_category, name, rank FROM tb_category;
CREATE VIEW v_item AS SELECT * FROM tb_item;
CREATE VIEW v_item_doc AS SELECT id, to_jsonb(tb_item) - 'pk_item' - 'fk_category' AS data FROM tb_item;

-- The view says one thing and its row-shaped twin another, so that an answer tells which was read.
CREATE VIEW v_thing AS
SELECT n AS pk_thing, md5('thing' || n)::uuid AS id,
    jsonb_build_object('id', md5('thing' || n), 'name', 'from data', 'size', n, 'remark', 'only in data') AS data
FROM generate_series(1, 5) n;
CREATE VIEW vr_thing AS
SELECT n AS pk_thing, md5('thing' || n)::uuid AS id, 'from the twin' AS name, n AS size FROM generate_series(1, 5) n;

CREATE VIEW v_animal AS
SELECT md5('animal' || n)::uuid AS id, n AS rank, CASE n % 2
    WHEN 0 THEN jsonb_build_object('__typename', 'Cat', 'id', 'c' || n, 'name', 'Cat ' || n, 'lives_left', 9 - n)
    ELSE jsonb_build_object('__typename', 'Dog', 'id', 'd' || n, 'name', 'Dog ' || n, 'breed', NULL,
        'friends', jsonb_build_array(jsonb_build_object('__typename', 'Cat', 'id', 'c0', 'name', 'Tom', 'lives_left', 1)))
    END AS data
FROM generate_series(1, 4) n;

-- What is stored where it does not belong.
CREATE TABLE tb_odd (pk_odd bigint PRIMARY KEY, id uuid NOT NULL DEFAULT gen_random_uuid(), data jsonb NOT NULL);
CREATE VIEW v_odd AS SELECT pk_odd, id, data FROM tb_odd;

CREATE VIEW v_secret AS
SELECT n AS pk_secret, md5('secret' || n)::uuid AS id, 'Secret ' || n AS name, 'masked ' || n AS masked, 'rejected ' || n AS rejected,
    jsonb_build_object('open', 'o', 'masked', 'm', 'rejected', 'r') AS inner, 'tenant-' || n AS tenant_id
FROM generate_series(1, 3) n;
