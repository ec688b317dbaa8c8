-- Rows of two tenants; the region lives in the document.
CREATE TABLE tb_invoice (
    pk_invoice bigint PRIMARY KEY, id uuid NOT NULL, tenant_id uuid NOT NULL, number text NOT NULL, margin numeric, secret text,
    data jsonb NOT NULL
);
CREATE VIEW v_invoice AS SELECT * FROM tb_invoice;
CREATE TABLE v_invoice_line (pk_invoice_line bigint PRIMARY KEY, id uuid NOT NULL, fk_invoice bigint NOT NULL, cost numeric, text text NOT NULL);
INSERT INTO tb_invoice
SELECT n, ('50000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid,
       ('a0000000-0000-0000-0000-00000000000' || n % 2)::uuid, 'N' || n, n, 's' || n,
       jsonb_build_object('region', 'north', 'payer', jsonb_build_object('name', 'P' || n, 'iban', 'NO' || n))
FROM generate_series(1, 4) n;
INSERT INTO v_invoice_line SELECT n, ('60000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid, n, n * 2, 't' || n FROM generate_series(1, 4) n;
