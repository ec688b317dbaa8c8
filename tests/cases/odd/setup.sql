-- Reserved words, another schema, domains and types without an encoding; a row-shaped twin.
CREATE SCHEMA crm;
CREATE TYPE crm.mood AS ENUM ('so so', 'happy');
CREATE TYPE shade AS ENUM ('light', 'dark');
CREATE DOMAIN crm.email AS text CHECK (VALUE LIKE '%@%');
CREATE DOMAIN price AS numeric(10, 2);
CREATE DOMAIN emails AS text[];
CREATE DOMAIN label AS varchar(40);

CREATE TABLE crm."order" (id uuid PRIMARY KEY, "order" int NOT NULL UNIQUE, "user" text, "group" varchar(10), "select" varchar[]);
CREATE TABLE crm.v_line (pk_line bigint PRIMARY KEY, id uuid NOT NULL, "order" int NOT NULL, "end" int NOT NULL, "when" text NOT NULL);
INSERT INTO crm."order" VALUES
    ('00000000-0000-0000-0000-000000000001', 1, 'u', 'g', '{a}'), ('00000000-0000-0000-0000-000000000002', 2, NULL, 'h', NULL);
INSERT INTO crm.v_line VALUES (1, '00000000-0000-0000-0000-000000000001', 1, 9, 'now'), (2, '00000000-0000-0000-0000-000000000002', 1, 8, 'then');

CREATE TABLE v_contact (
    pk_contact bigint PRIMARY KEY, id uuid NOT NULL, fk_account bigint, email crm.email NOT NULL, alias text, code char(4),
    price price, mood crm.mood, moods crm.mood[], address inet, span interval, blob bytea, range int4range, level int,
    cents bigint, emails emails, shade shade, label label
);
INSERT INTO v_contact VALUES
    (1, '00000000-0000-0000-0000-000000000001', 1, 'Ann@Example.com', 'Annie', 'ab', 1.50, 'happy', '{happy,"so so"}', '10.0.0.1',
     '1 day 02:00', '\x00ff', '[1,5)', 3, 250, '{a@b}', 'dark', 'first'),
    (2, '00000000-0000-0000-0000-000000000002', 1, 'bob@example.com', NULL, 'abcd', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);

CREATE TABLE tb_account (pk_account bigint PRIMARY KEY, id uuid NOT NULL, name text NOT NULL, city text, notes text);
CREATE VIEW v_account AS
SELECT pk_account, id, jsonb_build_object('name', name, 'city', city, 'notes', notes) AS data FROM tb_account;
-- It has no notes: what needs them reads the view.
CREATE VIEW vr_account AS SELECT pk_account, id, name, city FROM tb_account;
INSERT INTO tb_account VALUES (1, '00000000-0000-0000-0000-000000000001', 'Acme', 'Oslo', 'n'), (2, '00000000-0000-0000-0000-000000000002', 'Bolt', NULL, NULL);
