-- Two tenants behind one policy. The view's owner is no superuser, and the policy is forced on it, so that
-- whoever reads the view sees one tenant: the one that the session variable names.
DO $$ BEGIN
    CREATE ROLE note_owner NOLOGIN;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$;

CREATE TABLE tb_note (pk_note bigint PRIMARY KEY, id uuid NOT NULL, tenant_id text NOT NULL, text text NOT NULL);
INSERT INTO tb_note
SELECT n, md5('note' || n)::uuid, CASE n % 2 WHEN 0 THEN 'even' ELSE 'odd' END, 'note ' || n FROM generate_series(1, 40) n;

ALTER TABLE tb_note OWNER TO note_owner;
ALTER TABLE tb_note ENABLE ROW LEVEL SECURITY;
ALTER TABLE tb_note FORCE ROW LEVEL SECURITY;
CREATE POLICY own_notes ON tb_note USING (tenant_id = current_setting('app.tenant_id', true));

CREATE VIEW v_note AS SELECT pk_note, id, tenant_id, text FROM tb_note;
ALTER VIEW v_note OWNER TO note_owner;
