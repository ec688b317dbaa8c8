-- needs citext
CREATE EXTENSION citext;
CREATE DOMAIN email AS citext CHECK (VALUE LIKE '%@%');
CREATE TABLE v_contact (pk_contact bigint PRIMARY KEY, id uuid NOT NULL, email email NOT NULL, alias citext, others citext[]);
INSERT INTO v_contact VALUES
    (1, '00000000-0000-0000-0000-000000000001', 'Ann@Example.com', 'Annie', '{A,b}'),
    (2, '00000000-0000-0000-0000-000000000002', 'bob@example.com', NULL, NULL);
