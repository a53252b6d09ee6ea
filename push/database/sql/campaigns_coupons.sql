-- name: coupons.put_pool
INSERT INTO coupon_pools (id, definition, key_sealed, changed_by, updated_ms)
VALUES (:id, :definition, :key_sealed, :changed_by, :updated_ms)

-- name: coupons.change_pool
UPDATE coupon_pools SET definition = :definition, changed_by = :changed_by, updated_ms = :updated_ms WHERE id = :id

-- name: coupons.pool
SELECT id, definition, key_sealed, changed_by, updated_ms FROM coupon_pools WHERE id = :id

-- name: coupons.held_pool
SELECT id, definition, key_sealed, changed_by, updated_ms FROM coupon_pools WHERE id = :id {for_update}

-- name: coupons.pools
SELECT id, definition, key_sealed, changed_by, updated_ms FROM coupon_pools ORDER BY id LIMIT :most

-- name: coupons.names
SELECT id FROM coupon_pools

-- name: coupons.counts
SELECT
    pool,
    SUM(CASE WHEN taken_ms IS NULL THEN 1 ELSE 0 END) AS free,
    SUM(CASE WHEN taken_ms IS NULL THEN 0 ELSE 1 END) AS taken,
    SUM(CASE WHEN redeemed_ms IS NULL THEN 0 ELSE 1 END) AS redeemed
FROM coupons WHERE pool IN (SELECT value FROM {json_each}(:pools{as_json})) GROUP BY pool

-- name: coupons.there
SELECT id, pool FROM coupons WHERE id IN (SELECT value FROM {json_each}(:ids{as_json}))

-- name: coupons.add
INSERT INTO coupons (id, pool, sealed) VALUES (:id, :pool, :sealed) ON CONFLICT (id) DO NOTHING

-- name: coupons.had
-- How many codes of a pool a person has had, all of her facets together.
SELECT COUNT(*) AS had
FROM shoppers AS s
    INNER JOIN shoppers AS o ON o.person = s.person
    INNER JOIN coupons AS c ON c.shopper = o.id
WHERE s.id = :shopper AND c.pool = :pool AND c.taken_ms IS NOT NULL

-- name: coupons.held
-- The code of a campaign that she has and may yet use.
SELECT c.id, c.sealed, c.shopper
FROM shoppers AS s
    INNER JOIN shoppers AS o ON o.person = s.person
    INNER JOIN coupons AS c ON c.shopper = o.id
WHERE s.id = :shopper AND c.pool = :pool AND c.campaign = :campaign
    AND c.taken_ms IS NOT NULL AND c.redeemed_ms IS NULL AND c.expires_ms > :now_ms AND c.sealed IS NOT NULL
ORDER BY c.taken_ms DESC, c.id LIMIT 1

-- name: coupons.say_again
UPDATE coupons SET said = said + 1, message = '', shopper = :shopper, sealed = :sealed
WHERE id = :id AND redeemed_ms IS NULL

-- name: coupons.free
SELECT id, sealed, shopper FROM coupons WHERE pool = :pool AND taken_ms IS NULL LIMIT 1 {skip_locked}

-- name: coupons.take
UPDATE coupons SET
    sealed = :sealed, shopper = :shopper, campaign = :campaign, message = '', said = 1,
    taken_ms = :taken_ms, expires_ms = :expires_ms
WHERE id = :id AND taken_ms IS NULL

-- name: coupons.make
INSERT INTO coupons (id, pool, sealed, shopper, campaign, message, said, taken_ms, expires_ms)
VALUES (:id, :pool, :sealed, :shopper, :campaign, '', 1, :taken_ms, :expires_ms)
ON CONFLICT (id) DO NOTHING

-- name: coupons.bind
-- What a decision took is said by its message.
UPDATE coupons SET message = :message WHERE shopper = :shopper AND campaign = :campaign AND message = ''

-- name: coupons.unbind
-- What a decision took for what could not be said after all.
UPDATE coupons SET
    message = NULL,
    taken_ms = CASE WHEN said = 1 THEN NULL ELSE taken_ms END,
    expires_ms = CASE WHEN said = 1 THEN NULL ELSE expires_ms END
WHERE shopper = :shopper AND message = ''

-- name: coupons.give_back
-- Of messages that were cancelled before anybody saw them; what failed may yet be sent again, with its code.
UPDATE coupons SET message = NULL, taken_ms = NULL, expires_ms = NULL
WHERE message IN (SELECT value FROM {json_each}(:messages{as_json})) AND said = 1 AND redeemed_ms IS NULL
    AND NOT EXISTS (
        SELECT 1 FROM deliveries AS d
        WHERE d.message = coupons.message
            AND (d.state <> 'cancelled' OR d.maybe_sent = 1 OR d.shown_ms IS NOT NULL OR d.opened_ms IS NOT NULL)
    )

-- name: coupons.of_code
SELECT id, pool, campaign, message, taken_ms, expires_ms, redeemed_ms, redeemed_store, receipt
FROM coupons WHERE id = :id {for_update}

-- name: coupons.left_ms
-- When the visit ended in which a message was sent; NULL where it goes on, no row where there was none.
SELECT v.left_ms FROM touches AS t INNER JOIN visits AS v ON v.id = t.visit WHERE t.message = :message

-- name: coupons.redeem
UPDATE coupons SET redeemed_ms = :redeemed_ms, redeemed_store = :store, receipt = :receipt
WHERE id = :id AND redeemed_ms IS NULL
