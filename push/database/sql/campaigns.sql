-- name: campaigns.put
INSERT INTO campaigns (id, version, definition, updated_ms) VALUES (:id, 1, :definition, :updated_ms)
ON CONFLICT (id) DO UPDATE SET
    version = campaigns.version + 1, definition = excluded.definition, updated_ms = excluded.updated_ms

-- name: campaigns.all
SELECT id, version, definition FROM campaigns ORDER BY id

-- name: campaigns.decide
INSERT INTO decisions (id, moment, shopper, store, campaign, receipt, sealed, decided_ms)
VALUES (:id, :moment, :shopper, :store, :campaign, '', :sealed, :decided_ms)

-- name: campaigns.release_cap
UPDATE caps SET used = used - 1, updated_ms = :updated_ms WHERE id = :id AND used > 0

-- name: campaigns.version
SELECT definition FROM campaign_versions WHERE campaign = :campaign AND version = :version

-- name: campaigns.arm
INSERT INTO arms (campaign, shopper, arm, first_ms)
SELECT value, CAST(:shopper AS TEXT), CAST(:arm AS TEXT), CAST(:first_ms AS BIGINT)
FROM {json_each}(:campaigns{as_json}) WHERE 1 = 1
ON CONFLICT (campaign, shopper) DO NOTHING

-- name: campaigns.verdicts
-- What people said of campaigns' messages: used, or less of this (lately); and whose coupons they used, also of what a page
-- or kiosk showed them at once, which no delivery is of.
SELECT DISTINCT s.id AS shopper, m.campaign, r.kind
FROM shoppers AS s
    INNER JOIN shoppers AS o ON o.person = s.person
    INNER JOIN deliveries AS d ON d.shopper = o.id
    INNER JOIN receipts AS r ON r.delivery = d.id
    INNER JOIN messages AS m ON m.id = d.message
WHERE s.id IN (SELECT value FROM {json_each}(:shoppers{as_json})) AND m.campaign <> ''
    AND (r.kind = 'redeemed' OR (r.kind = 'less' AND r.received_ms >= :since_ms))
UNION
SELECT s.id AS shopper, c.campaign, 'redeemed' AS kind
FROM shoppers AS s
    INNER JOIN shoppers AS o ON o.person = s.person
    INNER JOIN coupons AS c ON c.shopper = o.id
WHERE s.id IN (SELECT value FROM {json_each}(:shoppers{as_json})) AND c.redeemed_ms IS NOT NULL AND c.campaign IS NOT NULL

-- name: campaigns.decision
SELECT
    x.id, x.moment, x.shopper, x.store, x.campaign, x.receipt, x.sealed, x.decided_ms,
    k.shopper AS key_of, k.month AS key_month, k.wrapped AS key_wrapped
FROM decisions AS x LEFT JOIN person_keys AS k ON k.shopper = x.shopper
WHERE x.id = :id
