-- name: catalogue.take
-- Whoever writes goods holds this row until the end, so that no reader passes a number still to come.
UPDATE counters SET value = value + :n WHERE id = 'products' RETURNING value

-- name: catalogue.some
SELECT * FROM products WHERE id IN (SELECT value FROM {json_each}(:ids{as_json}))

-- name: catalogue.page
SELECT * FROM products
WHERE gone = 0 AND id{c} > :after AND (CAST(:sku AS TEXT) IS NULL OR sku = :sku)
ORDER BY id{c} LIMIT :most

-- name: catalogue.since
SELECT seq, id, sku, category, brand, sensitive FROM products WHERE seq > :seq ORDER BY seq LIMIT :most

-- name: catalogue.put
INSERT INTO products (
    id, sku, name, category, brand, price_minor, regular_minor, currency, url, image, attributes, sensitive, seq,
    changed_by, changed_ms
)
VALUES (
    :id, :sku, :name, :category, :brand, :price_minor, :regular_minor, :currency, :url, :image, :attributes, :sensitive,
    :seq, :changed_by, :changed_ms
)
ON CONFLICT (id) DO UPDATE SET
    sku = excluded.sku, name = excluded.name, category = excluded.category, brand = excluded.brand,
    price_minor = excluded.price_minor, regular_minor = excluded.regular_minor, currency = excluded.currency,
    url = excluded.url, image = excluded.image, attributes = excluded.attributes, sensitive = excluded.sensitive,
    gone = 0, seq = excluded.seq, changed_by = excluded.changed_by, changed_ms = excluded.changed_ms,
    revision = products.revision + 1

-- name: catalogue.delete
UPDATE products SET
    gone = 1, price_minor = NULL, regular_minor = NULL, seq = :seq, changed_by = :changed_by, changed_ms = :changed_ms,
    revision = revision + 1
WHERE id = :id

-- name: catalogue.close_price
UPDATE product_prices SET until_ms = CASE WHEN from_ms > :now_ms THEN from_ms ELSE :now_ms END
WHERE product = :product AND until_ms IS NULL

-- name: catalogue.open_price
INSERT INTO product_prices (product, from_ms, until_ms, price_minor, currency)
VALUES (:product, :now_ms, NULL, :price_minor, :currency)
ON CONFLICT (product, from_ms) DO UPDATE SET
    until_ms = NULL, price_minor = excluded.price_minor, currency = excluded.currency

-- name: catalogue.prune_prices
DELETE FROM product_prices WHERE product = :product AND until_ms < :before_ms

-- name: catalogue.prices
-- The price that holds, and the lowest of those that held in the time before it began.
SELECT c.product, c.from_ms, MIN(p.price_minor) AS lowest_minor
FROM product_prices AS c
LEFT JOIN product_prices AS p
    ON
        p.product = c.product AND p.currency = c.currency AND p.until_ms > c.from_ms - :span_ms
        AND p.until_ms <= c.from_ms AND p.until_ms > p.from_ms
WHERE c.until_ms IS NULL AND c.product IN (SELECT value FROM {json_each}(:ids{as_json}))
GROUP BY c.product, c.from_ms

-- name: catalogue.stock
SELECT product, store, quantity FROM product_stock
WHERE product IN (SELECT value FROM {json_each}(:ids{as_json}))

-- name: catalogue.stock_of_store
SELECT product, quantity, changed_ms FROM product_stock
WHERE store = :store AND product{c} > :after ORDER BY product{c} LIMIT :most

-- name: catalogue.sold
SELECT id FROM products WHERE gone = 0 AND id IN (SELECT value FROM {json_each}(:ids{as_json}))

-- name: catalogue.put_stock
INSERT INTO product_stock (product, store, quantity, changed_ms) VALUES (:product, :store, :quantity, :now_ms)
ON CONFLICT (product, store) DO UPDATE SET quantity = excluded.quantity, changed_ms = excluded.changed_ms

-- name: catalogue.heard_stock
-- When a store last said what it has, also where nothing of it is new.
INSERT INTO counters (id, value) VALUES (:id, :now_ms) ON CONFLICT (id) DO UPDATE SET value = excluded.value

-- name: catalogue.clear_stock
DELETE FROM product_stock WHERE store = :store

-- name: catalogue.drop_stock
DELETE FROM product_stock WHERE product = :product
