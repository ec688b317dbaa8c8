-- Something to look at. `fraiseql dev` loads it into its own PostgreSQL; leave it out of yours.

INSERT INTO tb_user (id, name, email) VALUES
    (md5('user:1')::uuid, 'Ada Lovelace', 'ada@example.com'),
    (md5('user:2')::uuid, 'Grace Hopper', 'grace@example.com'),
    (md5('user:3')::uuid, 'Edsger Dijkstra', 'edsger@example.com');

INSERT INTO tb_post (fk_user, id, title, body, published_at)
SELECT pk_user, md5('post:' || title)::uuid, title, body, published_at
FROM (VALUES
    ('ada@example.com', 'Notes on the Analytical Engine', 'It weaves algebraic patterns.', timestamptz '1843-09-01 12:00Z'),
    ('ada@example.com', 'Bernoulli numbers', 'A table of operations, in order.', timestamptz '1843-09-02 12:00Z'),
    ('grace@example.com', 'The education of a computer', 'Let the machine write the program.', timestamptz '1952-05-02 09:00Z'),
    ('grace@example.com', 'Nanoseconds', 'Thirty centimetres of wire.', NULL),
    ('edsger@example.com', 'A note on two problems', 'Twenty minutes, without pencil or paper.', timestamptz '1959-06-11 10:00Z')
) AS draft (email, title, body, published_at)
JOIN tb_user USING (email);
