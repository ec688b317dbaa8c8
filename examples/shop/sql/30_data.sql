-- 20,000 users, 60,000 posts, 220,000 comments, 2,000 products, 20,000 orders and 50,000 order items.
--
-- Everything is arithmetic on a row number: every load gives the same rows, and the id of a row can be
-- told in advance (md5('user:1')::uuid is the first user). Some texts hold quotes, line breaks, other
-- scripts and emoji on purpose, and some users, posts and notes are empty where the schema allows it.

SET timezone TO 'UTC'; -- the stored documents hold times as text

INSERT INTO tb_user (pk_user, id, name, email, age, score, active, role, bio, tags, created_at)
SELECT n,
       md5('user:' || n)::uuid,
       (ARRAY['Ann','Björn','Chloé','Dmitri','Elif','Fatima','Guðrún','Hiro','Inês','João','Kwame','Łucja',
              'María','Nguyễn','Oisín','Priya','Quentin','Søren','Tomáš','Zoë','美咲','Δήμητρα','نور'])[1 + n % 23]
           || ' ' ||
       (ARRAY['Almeida','Berg','Çelik','Dubois','Eriksen','Fischer','García','Haddad','Ivanova','Jansen',
              'Kowalski','López','Müller','Novák','O''Brien','Petrov','Okafor','Rossi','Sato','Traoré',
              'van der Meer','Wójcik','D''Angelo','Yılmaz','Zhang'])[1 + n * 7 % 25],
       'user' || n || '@example.com',
       CASE WHEN n % 7 <> 0 THEN 18 + (n * 31) % 63 END,
       (n::bigint * 7919 % 99991) * 0.37,
       n % 11 <> 0,
       (CASE WHEN n % 500 = 1 THEN 'admin' WHEN n % 20 = 2 THEN 'editor' ELSE 'member' END)::user_role,
       CASE WHEN n % 3 = 0 THEN NULL
            WHEN n % 50 = 1 THEN E'Likes "air quotes", C:\\paths and\nsecond lines.'
            ELSE (ARRAY['Bakes bread on Sundays. 🥖',
                        'Reads the manual first, then the source.',
                        'Collects postcards from places that no longer exist.',
                        'Cyclist, gardener, and it''s complicated.',
                        'Écrit en français, en español y in English.',
                        '珈琲とデータベースが好きです。'])[1 + n % 6]
       END,
       (ARRAY['sql','travel','cooking','music','books','chess','games','garden','photo','café'])
           [1 + n % 8 : n % 8 + n % 4],
       timestamptz '2023-01-01 08:00:00+00' + n * interval '31 minutes 7 seconds'
FROM generate_series(1, 20000) AS n;

-- The first 2,000 users wrote ten posts each; the other 18,000 share 40,000, two or three each.

INSERT INTO tb_post (pk_post, fk_user, id, title, body, status, view_count, published_at, created_at)
SELECT n,
       CASE WHEN n <= 20000 THEN 1 + (n - 1) % 2000 ELSE 2001 + (n - 20001) % 18000 END,
       md5('post:' || n)::uuid,
       (ARRAY['Notes on','In praise of','A year with','Against','How we measured','The trouble with',
              'Ten questions about','What nobody told me about','"Just enough"','Falling in love with'])[1 + (n + n / 2000) % 10]
           || ' ' ||
       (ARRAY['indexes','slow bread','second-hand bicycles','time zones','naïve algorithms','rainy Sundays',
              'small tools','other people''s code','jasmine tea 🍵','long train rides','空の写真'])[1 + (n / 10) % 11],
       (ARRAY['It began with a question that nobody in the room could answer.',
              'Last winter I kept a diary of everything that broke.',
              'There are three things to know, and the third surprised me.',
              'My neighbour said "you will never finish this", and she was almost right.',
              'Für Eilige: die Kurzfassung steht am Ende.'])[1 + (n + n / 2000) % 5]
           || E'\n\n' ||
       (ARRAY['We tried the obvious way first, measured it, and threw it away. What remained was shorter than '
                  'the note that explained it, and it has run without a complaint ever since.',
              'The shop on the corner sells them by weight. Take two more than you need: one breaks on the '
                  'way home, and one is borrowed by a friend who never brings it back.',
              E'A list of what helped:\n- patience\n- a pencil\n- somebody who asks "why?"\n\nThe rest is detail.',
              'Numbers first: half of the time went into waiting, a third into looking things up, and the '
                  'remainder into the work that everybody talks about. 📈'])[1 + (n / 5 + n / 2000) % 4],
       s.status,
       n::bigint * 48271 % 100003 * CASE WHEN n % 1000 = 0 THEN 100000 ELSE 1 END,
       CASE WHEN s.status <> 'draft' THEN t.created_at + (n % 72) * interval '1 hour' END,
       t.created_at
FROM generate_series(1, 60000) AS n,
     LATERAL (SELECT (CASE n / 3 % 10 WHEN 0 THEN 'draft' WHEN 1 THEN 'archived' ELSE 'published' END)::post_status) AS s (status),
     LATERAL (SELECT timestamptz '2024-01-01 06:30:00+00' + n * interval '11 minutes 3 seconds') AS t (created_at);

-- Four comments on each of the first 20,000 posts; none to seven on the others. One round after the
-- other, as comments arrive: those of one post are not neighbours in the table.

INSERT INTO tb_comment (pk_comment, fk_post, fk_user, id, body, rating, created_at)
SELECT n,
       post,
       1 + (post * 7 + round * 4001) % 20000,
       md5('comment:' || n)::uuid,
       (ARRAY['Thank you, this is exactly what I was looking for all week',
              'I tried it at home and it took twice as long as you say',
              'Lovely read, although I would argue with the last part',
              'Could you say more about "the second part" one day, please',
              'My grandmother did it the same way, only without the tools',
              'Não concordo com tudo, mas está muito bem escrito',
              'First I laughed, then I checked, and it''s true'])[1 + n % 7]
           || (ARRAY['.', '!', ' 🙂', ', as always.', E'.\n-- sent from a train', '… 👏👏', '?', '.', '. すごい!'])[1 + n / 7 % 9],
       1 + (n * 13 + round) % 5,
       timestamptz '2024-01-01 07:00:00+00' + post * interval '11 minutes 3 seconds'
           + round * interval '5 hours' + n % 3600 * interval '1 second'
FROM (SELECT row_number() OVER (ORDER BY round, post)::int AS n, round, post
      FROM generate_series(1, 7) AS round, generate_series(1, 60000) AS post
      WHERE round <= CASE WHEN post <= 20000 THEN 4 ELSE post % 8 END) AS arrival;

INSERT INTO tb_product (pk_product, id, sku, name, price, size, weight, unit, created_at)
SELECT n,
       md5('product:' || n)::uuid,
       'SKU-' || lpad(n::text, 5, '0'),
       (ARRAY['Oak','Linen','Copper','Glass','Wool','Bamboo','Enamel','Paper'])[1 + n % 8]
           || ' ' ||
       (ARRAY['lamp','teapot','blanket','notebook','bowl','clock','basket','chair','crème brûlée torch',
              'poster "Nord"','kettle ☕'])[1 + n / 8 % 11]
           || ' No. ' || n,
       4.90 + (n * 137 % 20011) * 0.05,
       CASE WHEN n % 9 <> 0 THEN (ARRAY['small','medium','large'])[1 + n % 3] END,
       CASE WHEN n % 2 = 0 THEN (1 + n % 400) / 8.0 ELSE (50 + n * 7 % 900)::float8 END,
       CASE WHEN n % 2 = 0 THEN 'kg' ELSE 'g' END,
       timestamptz '2023-06-01 12:00:00+00' + n * interval '6 hours 13 minutes'
FROM generate_series(1, 2000) AS n;

INSERT INTO tv_product (pk_product, id, data)
SELECT pk_product,
       id,
       jsonb_build_object(
           'id', id,
           'sku', sku,
           'name', name,
           'price', price,
           'dimensions', jsonb_build_object('size', size, 'weight', weight, 'unit', unit),
           'created_at', created_at
       )
FROM tb_product;

-- One to four items an order. They are drawn up first, because an order carries their total.

CREATE TEMPORARY TABLE drawn AS
SELECT n AS pk_order, p.pk_product, 1 + (n + k) % 3 AS quantity, p.price AS unit_price
FROM generate_series(1, 20000) AS n,
     generate_series(1, 1 + n % 4) AS k,
     LATERAL (SELECT pk_product, price FROM tb_product WHERE pk_product = 1 + (n * 17 + k * 211) % 2000) AS p;

INSERT INTO tb_order (pk_order, fk_user, id, status, total, note, created_at)
SELECT n,
       1 + n * 3 % 20000,
       md5('order:' || n)::uuid,
       (ARRAY['delivered','delivered','shipped','delivered','paid','pending','delivered','cancelled'])[1 + n % 8]::order_status,
       d.total,
       CASE n % 10
           WHEN 1 THEN 'Please ring twice, the bell is "shy".'
           WHEN 4 THEN E'Leave it with the neighbour:\n2nd floor, O''Hara.'
           WHEN 7 THEN 'ありがとうございます 🎁'
       END,
       timestamptz '2024-03-01 09:00:00+00' + n * interval '37 minutes'
FROM generate_series(1, 20000) AS n
JOIN (SELECT pk_order, sum(quantity * unit_price) AS total FROM drawn GROUP BY pk_order) AS d ON d.pk_order = n
ORDER BY n;

INSERT INTO tb_order_item (fk_order, fk_product, quantity, unit_price)
SELECT pk_order, pk_product, quantity, unit_price FROM drawn ORDER BY pk_order, pk_product;

DROP TABLE drawn;

-- Rows written from here on take the next free key.

ALTER TABLE tb_user ALTER COLUMN pk_user RESTART WITH 20001;
ALTER TABLE tb_post ALTER COLUMN pk_post RESTART WITH 60001;
ALTER TABLE tb_comment ALTER COLUMN pk_comment RESTART WITH 220001;
ALTER TABLE tb_product ALTER COLUMN pk_product RESTART WITH 2001;
ALTER TABLE tb_order ALTER COLUMN pk_order RESTART WITH 20001;
