CREATE TYPE mood AS ENUM ('calm', 'busy');
CREATE TABLE tb_user (pk_user int PRIMARY KEY, id uuid NOT NULL, name text NOT NULL, mood mood, tags text[]);
CREATE TABLE tb_post (pk_post int PRIMARY KEY, fk_user int, id uuid NOT NULL, title text);
INSERT INTO tb_user VALUES (1, '00000000-0000-0000-0000-000000000001', 'Ann', 'calm', '{a}');
INSERT INTO tb_post VALUES (1, 1, '00000000-0000-0000-0000-000000000011', 'Hello');
CREATE VIEW v_user AS SELECT pk_user, id, name, mood, tags, '{}'::jsonb AS data FROM tb_user;
CREATE VIEW v_post AS SELECT pk_post, fk_user, id, title, '{}'::jsonb AS data FROM tb_post;
CREATE TYPE mutation_response AS (
    status text, message text, entity_id uuid, entity_type text, entity jsonb,
    updated_fields text[], cascade jsonb, metadata jsonb
);
CREATE FUNCTION fn_change(p_id uuid, p_name text, p_mood mood DEFAULT 'calm', p_rank int4 DEFAULT 1, p_tags text[] DEFAULT '{}')
RETURNS mutation_response LANGUAGE sql AS $$
    SELECT 'success', NULL::text, u.id, 'User', to_jsonb(u) || jsonb_build_object('name', p_name, 'mood', p_mood, 'tags', p_tags),
           NULL::text[], NULL::jsonb, NULL::jsonb
    FROM tb_user u WHERE u.id = p_id
$$;
CREATE FUNCTION fn_save(p_input jsonb) RETURNS jsonb LANGUAGE sql AS
    $$SELECT to_jsonb(u) || p_input FROM tb_user u WHERE u.id = (p_input->>'id')::uuid$$;
CREATE FUNCTION fn_find(p_id uuid) RETURNS v_user LANGUAGE sql AS 'SELECT * FROM v_user WHERE id = p_id';
CREATE FUNCTION fn_try(p_name text, p_tenant text) RETURNS mutation_response LANGUAGE sql AS
    $$SELECT 'conflict:' || p_tenant, 'no ' || p_name, NULL::uuid, NULL::text, NULL::jsonb, NULL::text[], NULL::jsonb, '{"other": "Bob"}'::jsonb$$;
