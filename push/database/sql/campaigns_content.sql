-- name: picks.named
-- Of these products, by id or SKU, those that may be offered.
SELECT p.id, p.sku, p.category, p.price_minor
FROM products AS p
WHERE
    p.gone = 0 AND p.sensitive = 0
    AND (
        p.id IN (SELECT value FROM {json_each}(:names{as_json}))
        OR p.sku IN (SELECT value FROM {json_each}(:names{as_json}))
    )
    AND p.id NOT IN (SELECT value FROM {json_each}(:owned{as_json}))
    AND (p.sku = '' OR p.sku NOT IN (SELECT value FROM {json_each}(:owned{as_json})))
    AND (
        CAST(:in_stock AS BIGINT) = 0 OR EXISTS (
            SELECT 1
            FROM product_stock AS s LEFT JOIN counters AS h ON h.id = 'stock:' || s.store
            WHERE s.product = p.id AND s.quantity > 0 AND (CAST(:store AS TEXT) = '' OR s.store = :store)
                AND (s.changed_ms >= :heard_ms OR h.value >= :heard_ms)
        )
    )
ORDER BY p.id{c}

-- name: picks.category
-- The cheapest of a category, a range of its spelling, that may be offered; what has no price comes last.
SELECT p.id, p.sku, p.category, p.price_minor
FROM products AS p
WHERE
    p.gone = 0 AND p.sensitive = 0
    AND p.category{c} >= :low AND p.category{c} < :high
    AND p.id NOT IN (SELECT value FROM {json_each}(:owned{as_json}))
    AND (p.sku = '' OR p.sku NOT IN (SELECT value FROM {json_each}(:owned{as_json})))
    AND (
        CAST(:in_stock AS BIGINT) = 0 OR EXISTS (
            SELECT 1
            FROM product_stock AS s LEFT JOIN counters AS h ON h.id = 'stock:' || s.store
            WHERE s.product = p.id AND s.quantity > 0 AND (CAST(:store AS TEXT) = '' OR s.store = :store)
                AND (s.changed_ms >= :heard_ms OR h.value >= :heard_ms)
        )
    )
ORDER BY CASE WHEN p.price_minor IS NULL THEN 1 ELSE 0 END, p.price_minor, p.id{c}
LIMIT :most

-- name: picks.brand
-- The cheapest of a brand that may be offered.
SELECT p.id, p.sku, p.category, p.price_minor
FROM products AS p
WHERE
    p.gone = 0 AND p.sensitive = 0
    AND p.brand = :brand
    AND p.id NOT IN (SELECT value FROM {json_each}(:owned{as_json}))
    AND (p.sku = '' OR p.sku NOT IN (SELECT value FROM {json_each}(:owned{as_json})))
    AND (
        CAST(:in_stock AS BIGINT) = 0 OR EXISTS (
            SELECT 1
            FROM product_stock AS s LEFT JOIN counters AS h ON h.id = 'stock:' || s.store
            WHERE s.product = p.id AND s.quantity > 0 AND (CAST(:store AS TEXT) = '' OR s.store = :store)
                AND (s.changed_ms >= :heard_ms OR h.value >= :heard_ms)
        )
    )
ORDER BY CASE WHEN p.price_minor IS NULL THEN 1 ELSE 0 END, p.price_minor, p.id{c}
LIMIT :most

-- name: picks.heard
-- When a store, or any, last said what it has.
SELECT MAX(value) AS heard_ms FROM counters
WHERE id = 'stock:' || CAST(:store AS TEXT) OR (CAST(:store AS TEXT) = '' AND id LIKE 'stock:%')
