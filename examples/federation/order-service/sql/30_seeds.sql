-- Four orders of the users that the user service seeds.

INSERT INTO tb_order (id, user_id, total, status, created_at) VALUES
    ('aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa', '11111111-1111-4111-8111-111111111111', 42.50, 'shipped', '2025-02-01 09:00:00+00'),
    ('bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb', '11111111-1111-4111-8111-111111111111', 9.99, 'pending', '2025-02-02 09:00:00+00'),
    ('cccccccc-cccc-4ccc-8ccc-cccccccccccc', '22222222-2222-4222-8222-222222222222', 100.00, 'delivered', '2025-02-03 09:00:00+00'),
    ('dddddddd-dddd-4ddd-8ddd-dddddddddddd', '33333333-3333-4333-8333-333333333333', 0.05, 'cancelled', '2025-02-04 09:00:00+00');
