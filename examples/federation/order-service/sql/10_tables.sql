-- The write side: what the order service stores. `user_id` points into another service's database,
-- so there is no foreign key to declare.

CREATE TABLE tb_order (
    pk_order bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL,
    total numeric(12, 2) NOT NULL,
    status text NOT NULL DEFAULT 'pending',
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX tb_order_user_id ON tb_order (user_id);
