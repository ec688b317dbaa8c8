-- What the schema that is fuzzed lies over, without rows: nothing is ever read from it. Its catalog is kept in
-- catalog.json; tests/it/fuzzed.rs compares the two.
CREATE SCHEMA app;
CREATE SCHEMA crm;
CREATE TYPE kind AS ENUM ('small-size', 'large-size', 'ODD');
CREATE TYPE user_role AS ENUM ('member-role', 'admin-role');
CREATE DOMAIN price AS numeric(10, 2);
CREATE DOMAIN label AS varchar(40);

CREATE TABLE v_item (
    pk_item bigint PRIMARY KEY, id uuid NOT NULL, fk_category bigint, tenant_id text, name text NOT NULL, note text,
    size int NOT NULL, total bigint, weight float8, price numeric(12, 2), active boolean, made_at timestamptz, day date,
    at time, code uuid, kind kind, tags text[], meta jsonb, owner jsonb, parts jsonb, masked text, rejected text
);
CREATE TABLE v_item_doc (id uuid PRIMARY KEY, data jsonb NOT NULL);
CREATE TABLE v_category (id uuid NOT NULL, pk_category bigint PRIMARY KEY, name text NOT NULL, rank int);
CREATE TABLE v_animal (id uuid, rank int, data jsonb);

-- Types of every family.
CREATE TABLE crm.sample (
    pk_sample bigint PRIMARY KEY, id uuid NOT NULL, email text NOT NULL, alias varchar, code char(4), price price, mood kind,
    moods kind[], loose kind[], address inet, span interval, blob bytea, range int4range, level int, cents bigint,
    numbers int[], times timestamptz[], amounts numeric[], flags boolean[], grid int[], short int2, ratio float4,
    seen_at timestamp, opens timetz, owner name, "order" int, label label, text json, docs jsonb[]
);

-- Entities, and what is written.
CREATE TABLE v_user (
    pk_user bigint PRIMARY KEY, id uuid NOT NULL, email text NOT NULL, name text NOT NULL, age int, role user_role NOT NULL,
    tags text[] NOT NULL, balance numeric, salary int, data jsonb
);
CREATE TABLE v_post (pk_post bigint PRIMARY KEY, id uuid NOT NULL, fk_user bigint NOT NULL, title text NOT NULL);
CREATE TABLE v_product (id text PRIMARY KEY, sku text, package text, data jsonb NOT NULL);
CREATE TABLE v_ledger (id uuid, name text);
CREATE TABLE v_package (id text PRIMARY KEY);
CREATE FUNCTION fn_shipping_estimate(representation jsonb) RETURNS numeric LANGUAGE sql IMMUTABLE AS 'SELECT 1::numeric';

CREATE TYPE mutation_response AS (
    status text, message text, entity_id uuid, entity_type text, entity jsonb,
    updated_fields text[], cascade jsonb, metadata jsonb
);
CREATE TYPE app.mutation_error_class AS ENUM ('validation', 'conflict', 'not_found', 'internal');
CREATE TYPE app.mutation_response AS (
    succeeded boolean, state_changed boolean, error_class app.mutation_error_class, status_detail text,
    http_status smallint, message text, entity_id uuid, entity_type text, entity jsonb,
    updated_fields text[], cascade jsonb, error_detail jsonb, metadata jsonb
);
CREATE FUNCTION fn_create_user(
    p_name text, p_email text, p_age int4 DEFAULT 18, p_role user_role DEFAULT 'member-role',
    p_tags text[] DEFAULT '{default}', p_balance numeric DEFAULT NULL, p_posts jsonb DEFAULT '[]'
) RETURNS mutation_response LANGUAGE sql AS 'SELECT NULL::mutation_response';
CREATE FUNCTION app.fn_rename_user(input_id uuid, name text) RETURNS app.mutation_response
    LANGUAGE sql AS 'SELECT NULL::app.mutation_response';
CREATE FUNCTION fn_update_user(p_input jsonb) RETURNS jsonb LANGUAGE sql AS 'SELECT p_input';
CREATE FUNCTION fn_remove_user(id uuid) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION fn_register(p_email text) RETURNS app.mutation_response LANGUAGE sql AS 'SELECT NULL::app.mutation_response';
CREATE FUNCTION fn_add(p_one int4, p_other int8 DEFAULT 1) RETURNS int8 LANGUAGE sql AS 'SELECT p_one + p_other';
CREATE FUNCTION fn_plant_tree(tree jsonb) RETURNS jsonb LANGUAGE sql AS 'SELECT tree';
CREATE FUNCTION fn_numbers(p_role user_role DEFAULT NULL, p_at timestamptz DEFAULT NULL, p_ids uuid[] DEFAULT NULL)
    RETURNS SETOF int4 LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION fn_users_of(p_min_age int4) RETURNS SETOF v_user LANGUAGE sql AS 'SELECT * FROM v_user';
CREATE FUNCTION fn_claimed(p_name text, p_tenant_id text) RETURNS text LANGUAGE sql AS 'SELECT p_name';
