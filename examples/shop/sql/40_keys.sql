-- References and indexes come after the rows: PostgreSQL then checks and builds each of them once, which
-- halves the time of the load.

ALTER TABLE tb_post ADD FOREIGN KEY (fk_user) REFERENCES tb_user;
ALTER TABLE tb_comment ADD FOREIGN KEY (fk_post) REFERENCES tb_post;
ALTER TABLE tb_comment ADD FOREIGN KEY (fk_user) REFERENCES tb_user;
ALTER TABLE tb_order ADD FOREIGN KEY (fk_user) REFERENCES tb_user;
ALTER TABLE tb_order_item ADD FOREIGN KEY (fk_order) REFERENCES tb_order;
ALTER TABLE tb_order_item ADD FOREIGN KEY (fk_product) REFERENCES tb_product;

-- Lists are ordered by what the caller asks for and then by the key, so that pages do not overlap.
-- An index that ends in the key serves such an order without a sort.

CREATE INDEX ON tb_user (score DESC, pk_user);
CREATE INDEX ON tb_user (created_at, pk_user);
CREATE INDEX ON tb_user (name, pk_user);

CREATE INDEX ON tb_post (fk_user, created_at);
CREATE INDEX ON tb_post (created_at, pk_post);
CREATE INDEX ON tb_post (view_count DESC, pk_post);

CREATE INDEX ON tb_comment (fk_post, created_at);
CREATE INDEX ON tb_comment (fk_user);
CREATE INDEX ON tb_comment (created_at, pk_comment);

CREATE INDEX ON tb_product (created_at, pk_product);

CREATE INDEX ON tb_order (fk_user);
CREATE INDEX ON tb_order (created_at, pk_order);

CREATE INDEX ON tb_order_item (fk_order);
CREATE INDEX ON tb_order_item (fk_product);

-- Without this the planner guesses until autovacuum comes by.

ANALYZE tb_user, tb_post, tb_comment, tb_product, tv_product, tb_order, tb_order_item;
