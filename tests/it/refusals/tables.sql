-- Papers of two tenants, and their parts.
CREATE TABLE tb_paper (pk_paper bigint PRIMARY KEY, id text UNIQUE NOT NULL, tenant_id text NOT NULL, title text NOT NULL, hint text, secret text NOT NULL, touched int8 NOT NULL DEFAULT 0);
CREATE TABLE tb_part (pk_part bigint PRIMARY KEY, fk_paper bigint NOT NULL REFERENCES tb_paper, id text NOT NULL, body text NOT NULL, secret text NOT NULL);

INSERT INTO tb_paper VALUES
    (1, 'a1', 'a', 'title a1', 'hint a1', 'secret a1'),
    (2, 'a2', 'a', 'title a2', 'hint a2', 'secret a2'),
    (3, 'b1', 'b', 'title b1', 'hint b1', 'secret b1');
INSERT INTO tb_part
    SELECT pk_paper * 10 + n, pk_paper, id || '-' || n, 'body of ' || title, secret || '-' || n
    FROM tb_paper, generate_series(1, 2) n;

CREATE VIEW v_paper AS SELECT pk_paper, id, tenant_id, title, hint, secret FROM tb_paper;
CREATE VIEW v_part AS SELECT pk_part, fk_paper, id, body, secret FROM tb_part;

CREATE FUNCTION fn_touch_paper(p_id text, p_tenant_id text) RETURNS v_paper LANGUAGE plpgsql AS $$
DECLARE v_paper v_paper;
BEGIN
    UPDATE tb_paper SET touched = touched + 1 WHERE id = p_id AND tenant_id = p_tenant_id;
    SELECT * INTO v_paper FROM v_paper v WHERE v.id = p_id AND v.tenant_id = p_tenant_id;
    RETURN v_paper;
END $$;
