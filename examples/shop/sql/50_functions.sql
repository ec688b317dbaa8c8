-- What the mutations of schema.py call. Every function answers with a row of mutation_response: what became of
-- the call, and the entity as its view shows it. A row that is returned commits, whatever it says; RAISE undoes.

CREATE TYPE mutation_response AS (
    status text,            -- success, new, updated, deleted, noop:…, or failed:…, conflict:…, not_found:…
    message text,
    entity_id uuid,
    entity_type text,
    entity jsonb,
    updated_fields text[],
    cascade jsonb,
    metadata jsonb
);

-- Parameters have the names of the arguments; one with a default may be left out.
CREATE FUNCTION fn_create_user(
    p_name text, p_email text, p_age int DEFAULT NULL, p_bio text DEFAULT NULL, p_tags text[] DEFAULT '{}'
) RETURNS mutation_response LANGUAGE plpgsql AS $$
DECLARE
    v_id uuid := gen_random_uuid();
    v_answer mutation_response;
BEGIN
    IF p_email NOT LIKE '%_@_%' THEN
        v_answer.status := 'failed:validation';
        v_answer.message := format('"%s" is not an address', p_email);
        RETURN v_answer;
    END IF;
    IF EXISTS (SELECT 1 FROM tb_user WHERE email = p_email) THEN
        v_answer.status := 'conflict:email_taken';
        v_answer.message := format('%s has an account already', p_email);
        RETURN v_answer;
    END IF;
    INSERT INTO tb_user (id, name, email, age, score, active, role, bio, tags, created_at)
    VALUES (v_id, p_name, p_email, p_age, 0, true, 'member', p_bio, p_tags, now());
    v_answer.status := 'new';
    v_answer.entity_id := v_id;
    v_answer.entity_type := 'User';
    v_answer.entity := (SELECT data FROM v_user WHERE id = v_id);
    RETURN v_answer;
END $$;

-- One jsonb holds only what was sent, so that a null can be told from what is to stay.
CREATE FUNCTION fn_update_user(p_input jsonb) RETURNS mutation_response LANGUAGE plpgsql AS $$
DECLARE
    v_id uuid := p_input->>'id';
    v_answer mutation_response;
BEGIN
    UPDATE tb_user SET
        name = CASE WHEN p_input ? 'name' THEN p_input->>'name' ELSE name END,
        age = CASE WHEN p_input ? 'age' THEN (p_input->>'age')::int ELSE age END,
        bio = CASE WHEN p_input ? 'bio' THEN p_input->>'bio' ELSE bio END
    WHERE id = v_id;
    IF NOT FOUND THEN
        v_answer.status := 'not_found:user';
        v_answer.message := 'there is no such user';
        RETURN v_answer;
    END IF;
    v_answer.status := 'updated';
    v_answer.entity_id := v_id;
    v_answer.entity := (SELECT data FROM v_user WHERE id = v_id);
    RETURN v_answer;
END $$;

CREATE FUNCTION fn_delete_user(p_id uuid) RETURNS mutation_response LANGUAGE plpgsql AS $$
DECLARE
    v_answer mutation_response;
BEGIN
    IF EXISTS (SELECT 1 FROM tb_order o JOIN tb_user u ON u.pk_user = o.fk_user WHERE u.id = p_id) THEN
        RAISE EXCEPTION 'a user with orders cannot be deleted' USING HINT = 'cancel the orders first';
    END IF;
    v_answer.entity := (SELECT data FROM v_user WHERE id = p_id);
    DELETE FROM tb_user WHERE id = p_id;
    v_answer.status := CASE WHEN FOUND THEN 'deleted' ELSE 'not_found:user' END;
    v_answer.message := CASE WHEN NOT FOUND THEN 'there is no such user' END;
    v_answer.entity_id := p_id;
    RETURN v_answer;
END $$;

CREATE FUNCTION fn_publish_post(p_id uuid) RETURNS mutation_response LANGUAGE plpgsql AS $$
DECLARE
    v_answer mutation_response;
BEGIN
    UPDATE tb_post SET status = 'published', published_at = now() WHERE id = p_id AND status = 'draft';
    v_answer.status := CASE
        WHEN FOUND THEN 'updated'
        WHEN EXISTS (SELECT FROM tb_post WHERE id = p_id) THEN 'noop:not_a_draft'
        ELSE 'not_found:post'
    END;
    v_answer.entity_id := p_id;
    RETURN v_answer;
END $$;
