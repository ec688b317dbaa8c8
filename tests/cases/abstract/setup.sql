-- The case of each document is under "__typename".
CREATE TABLE v_feed (pk_feed bigint PRIMARY KEY, id uuid NOT NULL, data jsonb NOT NULL);
INSERT INTO v_feed VALUES
    (1, '00000000-0000-0000-0000-000000000001', '{"__typename": "Article", "id": "00000000-0000-0000-0000-000000000001", "title": "A", "words": 3}'),
    (2, '00000000-0000-0000-0000-000000000002', '{"__typename": "Photo", "id": "00000000-0000-0000-0000-000000000002", "title": "B", "credit": {"name": "Ann"}}');
CREATE VIEW v_thing AS SELECT id, data::json AS data FROM v_feed;
CREATE TABLE v_board (pk_board bigint PRIMARY KEY, id uuid NOT NULL, data jsonb NOT NULL);
INSERT INTO v_board
SELECT 1, '70000000-0000-0000-0000-000000000001', jsonb_build_object(
    'pinned', (SELECT data FROM v_feed WHERE pk_feed = 1),
    'things', jsonb_build_array((SELECT data FROM v_feed WHERE pk_feed = 2), '{"__typename": "Person", "name": "Bob"}'::jsonb));
