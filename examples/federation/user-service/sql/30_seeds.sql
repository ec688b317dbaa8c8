-- Three users. The order service knows them by id only.

INSERT INTO tb_user (id, name, email, created_at) VALUES
    ('11111111-1111-4111-8111-111111111111', 'Ann', 'ann@example.com', '2025-01-01 09:00:00+00'),
    ('22222222-2222-4222-8222-222222222222', 'Ben', 'ben@example.com', '2025-01-02 09:00:00+00'),
    ('33333333-3333-4333-8333-333333333333', 'Cleo', 'cleo@example.com', '2025-01-03 09:00:00+00');
