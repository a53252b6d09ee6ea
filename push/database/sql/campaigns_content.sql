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
            FROM product_stock AS s
            WHERE s.product = p.id AND s.quantity > 0 AND (CAST(:store AS TEXT) = '' OR s.store = :store)
                AND (
                    s.changed_ms >= :heard_ms
                    OR 'stock:' || s.store IN (SELECT h.id FROM counters AS h WHERE h.value >= :heard_ms)
                )
        )
    )
ORDER BY p.id{c}

-- name: picks.category
-- Of a category, a range of its spelling, the cheapest that may be offered; what has no price comes last.
-- So many are looked at, in the order of the index: the cheapest of its first categories.
SELECT p.id, p.sku, p.category, p.price_minor
FROM (
    SELECT i.id
    FROM products AS i
    WHERE
        i.gone = 0 AND i.sensitive = 0
        AND substr(i.category, 1, 300){c} >= :begins AND substr(i.category, 1, 300){c} < :ends
        AND i.id NOT IN (SELECT value FROM {json_each}(:owned{as_json}))
        AND (i.sku = '' OR i.sku NOT IN (SELECT value FROM {json_each}(:owned{as_json})))
    ORDER BY substr(i.category, 1, 300){c}, i.price_minor, i.id
    LIMIT :looked_at
) AS x
    INNER JOIN products AS p ON p.id = x.id
WHERE
    p.category{c} >= :low AND p.category{c} < :high
    AND (
        CAST(:in_stock AS BIGINT) = 0 OR EXISTS (
            SELECT 1
            FROM product_stock AS s
            WHERE s.product = p.id AND s.quantity > 0 AND (CAST(:store AS TEXT) = '' OR s.store = :store)
                AND (
                    s.changed_ms >= :heard_ms
                    OR 'stock:' || s.store IN (SELECT h.id FROM counters AS h WHERE h.value >= :heard_ms)
                )
        )
    )
ORDER BY CASE WHEN p.price_minor IS NULL THEN 1 ELSE 0 END, p.price_minor, p.id{c}
LIMIT :most

-- name: picks.brand
-- Of the cheapest of a brand those that may be offered.
SELECT p.id, p.sku, p.category, p.price_minor
FROM (
    SELECT i.id
    FROM products AS i
    WHERE
        i.gone = 0 AND i.sensitive = 0
        AND i.brand = :brand
        AND i.id NOT IN (SELECT value FROM {json_each}(:owned{as_json}))
        AND (i.sku = '' OR i.sku NOT IN (SELECT value FROM {json_each}(:owned{as_json})))
    ORDER BY i.price_minor, i.id
    LIMIT :looked_at
) AS x
    INNER JOIN products AS p ON p.id = x.id
WHERE
    (
        CAST(:in_stock AS BIGINT) = 0 OR EXISTS (
            SELECT 1
            FROM product_stock AS s
            WHERE s.product = p.id AND s.quantity > 0 AND (CAST(:store AS TEXT) = '' OR s.store = :store)
                AND (
                    s.changed_ms >= :heard_ms
                    OR 'stock:' || s.store IN (SELECT h.id FROM counters AS h WHERE h.value >= :heard_ms)
                )
        )
    )
ORDER BY CASE WHEN p.price_minor IS NULL THEN 1 ELSE 0 END, p.price_minor, p.id{c}
LIMIT :most

-- name: picks.heard
-- When a store, or any, last said what it has.
SELECT MAX(value) AS heard_ms FROM counters
WHERE id = 'stock:' || CAST(:store AS TEXT) OR (CAST(:store AS TEXT) = '' AND id LIKE 'stock:%')

-- name: offers.redeemed
-- Whether a message's offer was used, whichever of its deliveries tells so.
SELECT 1 AS used FROM deliveries AS d INNER JOIN receipts AS r ON r.delivery = d.id
WHERE d.message = :message AND r.kind = 'redeemed' LIMIT 1
