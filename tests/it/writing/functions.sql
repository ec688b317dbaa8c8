CREATE SCHEMA app;
CREATE TYPE user_role AS ENUM ('member-role', 'admin-role');
CREATE TABLE tb_user (
    pk_user bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
    name text NOT NULL CHECK (name <> 'nobody'),
    email text NOT NULL UNIQUE,
    age int4,
    role user_role NOT NULL DEFAULT 'member-role',
    tags text[] NOT NULL DEFAULT '{}',
    balance numeric,
    tenant text
);
CREATE TABLE tb_post (
    pk_post bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
    fk_user bigint NOT NULL REFERENCES tb_user ON DELETE CASCADE,
    title text NOT NULL
);
CREATE VIEW v_user AS
SELECT pk_user, id, name, email, age, role, tags, balance,
       jsonb_build_object('id', id, 'name', name, 'email', email, 'age', age, 'role', role, 'tags', tags, 'balance', balance) AS data
FROM tb_user;
CREATE VIEW v_post AS SELECT pk_post, id, fk_user, title, '{}'::jsonb AS data FROM tb_post;

INSERT INTO tb_user (id, name, email, age) VALUES
    ('00000000-0000-0000-0000-000000000001', 'Ann', 'ann@example.com', 30),
    ('00000000-0000-0000-0000-000000000002', 'Bob', 'bob@example.com', 40);

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

-- The first published form, with named parameters, posts as a nested list, and a business failure.
CREATE FUNCTION fn_create_user(
    p_name text, p_email text, p_age int4 DEFAULT 18, p_role user_role DEFAULT 'member-role',
    p_tags text[] DEFAULT '{default}', p_balance numeric DEFAULT NULL, p_posts jsonb DEFAULT '[]'
) RETURNS mutation_response LANGUAGE plpgsql AS $$
DECLARE v_user tb_user; v_result mutation_response;
BEGIN
    IF EXISTS (SELECT 1 FROM tb_user WHERE email = p_email) THEN
        v_result.status := 'conflict:email_taken';
        v_result.message := format('%s belongs to somebody else', p_email);
        RETURN v_result;
    END IF;
    INSERT INTO tb_user (name, email, age, role, tags, balance)
    VALUES (p_name, p_email, p_age, p_role, p_tags, p_balance) RETURNING * INTO v_user;
    INSERT INTO tb_post (fk_user, title) SELECT v_user.pk_user, post->>'post_title' FROM jsonb_array_elements(p_posts) AS post;
    v_result.status := 'success:created';
    v_result.entity_id := v_user.id;
    v_result.entity_type := 'User';
    v_result.entity := (SELECT data FROM v_user v WHERE v.id = v_user.id);
    RETURN v_result;
END $$;

-- The second published form.
CREATE FUNCTION app.fn_rename_user(input_id uuid, name text) RETURNS app.mutation_response LANGUAGE plpgsql AS $$
DECLARE v_result app.mutation_response;
BEGIN
    v_result.entity_type := 'User';
    IF NOT EXISTS (SELECT 1 FROM tb_user u WHERE u.id = input_id) THEN
        v_result.succeeded := false;
        v_result.state_changed := false;
        v_result.error_class := 'not_found';
        v_result.message := 'there is no such user';
        RETURN v_result;
    END IF;
    UPDATE tb_user u SET name = fn_rename_user.name WHERE u.id = input_id AND u.name <> fn_rename_user.name;
    v_result.state_changed := FOUND;
    v_result.succeeded := true;
    v_result.entity_id := input_id;
    RETURN v_result;
END $$;

-- One jsonb for everything that was sent, and the entity as jsonb.
CREATE FUNCTION fn_update_user(p_input jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE v_data jsonb;
BEGIN
    UPDATE tb_user SET name = coalesce(p_input->>'name', name),
        age = CASE WHEN p_input ? 'age' THEN (p_input->>'age')::int4 ELSE age END,
        role = coalesce((p_input->>'role')::user_role, role)
    WHERE id = (p_input->>'id')::uuid;
    SELECT data || jsonb_build_object('tags', jsonb_build_array(p_input::text)) INTO v_data
    FROM v_user WHERE id = (p_input->>'id')::uuid;
    RETURN v_data;
END $$;

CREATE FUNCTION fn_row(p_id uuid) RETURNS v_user LANGUAGE sql AS 'SELECT * FROM v_user WHERE id = p_id';
CREATE FUNCTION fn_rows(p_min_age int4) RETURNS SETOF v_user LANGUAGE sql AS
    'SELECT * FROM v_user WHERE age >= p_min_age ORDER BY age';
CREATE FUNCTION fn_table(p_id uuid) RETURNS TABLE (id uuid, name text, age int4) LANGUAGE sql AS
    'SELECT u.id, u.name, u.age FROM tb_user u WHERE u.id = p_id';
CREATE FUNCTION fn_documents() RETURNS SETOF jsonb LANGUAGE sql AS 'SELECT data FROM v_user ORDER BY pk_user';
CREATE FUNCTION fn_document_list() RETURNS jsonb LANGUAGE sql AS 'SELECT jsonb_agg(data ORDER BY pk_user) FROM v_user';
CREATE FUNCTION fn_copy_user(p_id uuid) RETURNS uuid LANGUAGE sql AS
    $$INSERT INTO tb_user (name, email) SELECT name, 'copy-' || email FROM tb_user WHERE id = p_id RETURNING id$$;
CREATE FUNCTION fn_remove_user(id uuid) RETURNS boolean LANGUAGE plpgsql AS
    $$BEGIN DELETE FROM tb_user u WHERE u.id = fn_remove_user.id; RETURN FOUND; END$$;
CREATE FUNCTION fn_delete_user(p_id uuid) RETURNS mutation_response LANGUAGE plpgsql AS $$
DECLARE v_result mutation_response;
BEGIN
    DELETE FROM tb_user u WHERE u.id = p_id;
    v_result.status := CASE WHEN FOUND THEN 'deleted' ELSE 'noop:not_there' END;
    v_result.entity_id := p_id;
    RETURN v_result;
END $$;
CREATE FUNCTION fn_add(p_one int4, p_other int8 DEFAULT 1) RETURNS int8 LANGUAGE sql AS 'SELECT p_one + p_other';
CREATE FUNCTION fn_numbers() RETURNS SETOF int4 LANGUAGE sql AS 'SELECT generate_series(1, 3)';
CREATE FUNCTION fn_ids() RETURNS uuid[] LANGUAGE sql AS 'SELECT array_agg(id ORDER BY pk_user) FROM tb_user';
CREATE FUNCTION fn_role(p_role user_role) RETURNS user_role LANGUAGE sql AS 'SELECT p_role';

-- Typed errors.
CREATE FUNCTION fn_register(p_email text) RETURNS app.mutation_response LANGUAGE plpgsql AS $$
DECLARE v_result app.mutation_response;
BEGIN
    v_result.succeeded := false;
    v_result.state_changed := false;
    IF p_email = '' THEN
        v_result.error_class := 'validation';
        v_result.entity_type := 'InvalidInput';
        v_result.message := 'an address is needed';
        v_result.error_detail := '{"field_name": "email"}';
    ELSIF EXISTS (SELECT 1 FROM tb_user WHERE email = p_email) THEN
        v_result.error_class := 'conflict';
        v_result.message := 'it is taken';
        v_result.http_status := 409;
        v_result.error_detail := '{"suggestion": "ann2@example.com"}';
    ELSE
        INSERT INTO tb_user (name, email) VALUES ('New', p_email) RETURNING id INTO v_result.entity_id;
        v_result.succeeded := true;
        v_result.state_changed := true;
        v_result.entity := (SELECT data FROM v_user WHERE id = v_result.entity_id);
    END IF;
    RETURN v_result;
END $$;

-- What can go wrong.
CREATE FUNCTION fn_say(p_status text, p_message text DEFAULT NULL) RETURNS mutation_response LANGUAGE sql AS
    $$SELECT p_status, p_message, NULL::uuid, 'User', (SELECT data FROM v_user ORDER BY pk_user LIMIT 1), NULL::text[], NULL::jsonb, NULL::jsonb$$;
CREATE FUNCTION fn_raise(p_state text, p_message text, p_hint text DEFAULT '') RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO tb_user (name, email) VALUES ('Gone', 'gone@example.com');
    RAISE EXCEPTION USING ERRCODE = p_state, MESSAGE = p_message, HINT = p_hint;
END $$;
CREATE FUNCTION fn_many(p_count int4) RETURNS SETOF v_user LANGUAGE sql AS 'SELECT * FROM v_user ORDER BY pk_user LIMIT p_count';
CREATE FUNCTION fn_twice(p_count int4) RETURNS SETOF v_user LANGUAGE plpgsql AS $$
BEGIN
    FOR n IN 1..p_count LOOP
        INSERT INTO tb_user (name, email, age) VALUES ('Twice ' || n, gen_random_uuid(), 1000 + n);
        RETURN QUERY SELECT * FROM v_user WHERE age = 1000 + n;
    END LOOP;
END $$;
CREATE SEQUENCE tries;
CREATE FUNCTION fn_collide(p_times int8, p_state text) RETURNS int8 LANGUAGE plpgsql AS $$
DECLARE v_try int8 := nextval('tries');
BEGIN
    IF v_try <= p_times THEN RAISE EXCEPTION USING ERRCODE = p_state; END IF;
    RETURN v_try;
END $$;
CREATE FUNCTION fn_die() RETURNS boolean LANGUAGE sql AS 'SELECT pg_terminate_backend(pg_backend_pid())';

-- Claims.
CREATE FUNCTION fn_claimed(p_name text, p_tenant_id text) RETURNS text LANGUAGE sql AS $$SELECT p_tenant_id || ':' || p_name$$;
CREATE FUNCTION fn_claimed_json(p_all jsonb) RETURNS jsonb LANGUAGE sql AS 'SELECT p_all';
