-- Typed columns all the way: nothing is read from a document.
CREATE TYPE role AS ENUM ('member', 'admin');

CREATE TABLE tb_user (
    pk_user bigint PRIMARY KEY, id uuid NOT NULL UNIQUE, fk_manager bigint REFERENCES tb_user, name text NOT NULL,
    email text, age int, rating real, balance numeric(12, 2) NOT NULL, points bigint NOT NULL, active bool NOT NULL,
    role role NOT NULL, tags text[] NOT NULL, past_roles role[] NOT NULL, scores smallint[], born_on date, wakes_at time,
    created_at timestamptz NOT NULL, seen_at timestamp, settings jsonb
);
CREATE TABLE tb_post (
    pk_post bigint PRIMARY KEY, id uuid NOT NULL UNIQUE, fk_user bigint NOT NULL REFERENCES tb_user, title text NOT NULL,
    status text NOT NULL, views bigint NOT NULL, published_at timestamptz
);
CREATE TABLE tb_comment (
    pk_comment bigint PRIMARY KEY, id uuid NOT NULL UNIQUE, fk_post bigint NOT NULL REFERENCES tb_post,
    fk_user bigint NOT NULL REFERENCES tb_user, body text NOT NULL
);
CREATE VIEW v_user AS SELECT * FROM tb_user;
CREATE VIEW v_post AS SELECT * FROM tb_post;
CREATE VIEW v_comment AS SELECT * FROM tb_comment;

INSERT INTO tb_user VALUES
    (1, '00000000-0000-0000-0000-000000000001', NULL, 'Ann', 'ann@example.com', 41, 4.5, 1000.00, 9007199254740993, true,
     'admin', '{rust,sql}', '{member}', '{3,NULL,1}', '1984-02-29', '06:30', '2024-01-01 00:00:00.000001+00',
     '2024-05-01 12:00', '{"theme": "dark", "size": 2}'),
    (2, '00000000-0000-0000-0000-000000000002', 1, 'Bob', NULL, NULL, NULL, 0.10, 2, false,
     'member', '{}', '{}', NULL, NULL, NULL, '2024-01-02 00:00+00', NULL, NULL),
    (3, '00000000-0000-0000-0000-000000000003', 1, '100% "Cy"', 'cy@example.com', 20, 0.1, -5.00, 3, true,
     'member', '{sql,"a,b"}', '{admin,member}', '{}', '2000-01-01', '23:59:59.5', '2024-01-02 00:00+00',
     '2024-05-02', 'null'),
    (4, '00000000-0000-0000-0000-000000000004', 3, 'Dee_', 'dee@example.com', 20, 4.5, 12.50, 4, true,
     'member', '{go}', '{}', '{7}', NULL, NULL, '2024-01-03 00:00+00', NULL, '{"theme": "light"}');
INSERT INTO tb_post
SELECT n, ('10000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid, 1 + n % 3, 'Post ' || n,
       CASE WHEN n % 4 = 0 THEN 'draft' ELSE 'published' END, n * 10,
       CASE WHEN n % 4 > 0 THEN timestamptz '2024-03-01 00:00+00' + n * interval '1 day' END
FROM generate_series(1, 9) n;
INSERT INTO tb_comment
SELECT n, ('20000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid, 1 + n % 9, 1 + n % 4, 'Comment ' || n
FROM generate_series(1, 20) n;
