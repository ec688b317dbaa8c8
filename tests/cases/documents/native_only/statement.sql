-- products
SELECT t0.sku, t0.price FROM public.v_product t0 WHERE t0.price < $1::text::numeric;
--   $1 = Text("3")
