-- The write side.

CREATE TABLE tb_user (
    pk_user bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email text NOT NULL UNIQUE,
    name text,
    total_products_created int,
    years_of_employment int NOT NULL
);

CREATE TABLE tb_product (
    pk_product bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text NOT NULL UNIQUE,
    sku text,
    package text,
    variation_id text,
    notes text,
    created_by text REFERENCES tb_user (email),
    UNIQUE (sku, package),
    UNIQUE (sku, variation_id)
);

CREATE TABLE tb_product_research (
    pk_product_research bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    fk_product bigint NOT NULL REFERENCES tb_product,
    case_number text NOT NULL UNIQUE,
    description text,
    outcome text
);

CREATE TABLE tb_inventory (
    pk_inventory bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text NOT NULL UNIQUE
);

CREATE TABLE tb_deprecated_product (
    pk_deprecated_product bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sku text NOT NULL,
    package text NOT NULL,
    reason text,
    created_by text REFERENCES tb_user (email),
    fk_inventory bigint REFERENCES tb_inventory,
    UNIQUE (sku, package)
);
