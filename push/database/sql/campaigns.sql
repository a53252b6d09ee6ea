-- name: campaigns.put
INSERT INTO campaigns (id, version, definition, updated_ms) VALUES (:id, 1, :definition, :updated_ms)
ON CONFLICT (id) DO UPDATE SET
    version = campaigns.version + 1, definition = excluded.definition, updated_ms = excluded.updated_ms

-- name: campaigns.all
SELECT id, version, definition FROM campaigns ORDER BY id

-- name: campaigns.decide
INSERT INTO decisions (id, moment, shopper, store, campaign, receipt, sealed, decided_ms)
VALUES (:id, :moment, :shopper, :store, :campaign, '', :sealed, :decided_ms)

-- name: campaigns.used_by_person
-- Pushes of a visit, and of what else the same person has open in the same store: she may carry several tags.
SELECT CAST(COALESCE(SUM(x.own), 0) AS BIGINT) AS own, CAST(COALESCE(SUM(x.beside), 0) AS BIGINT) AS beside
FROM (
    SELECT c.used AS own, 0 AS beside FROM caps AS c WHERE c.id = :id
    UNION ALL
    SELECT 0 AS own, c.used AS beside
    FROM shoppers AS s CROSS JOIN shoppers AS o CROSS JOIN visits AS v CROSS JOIN caps AS c
    WHERE s.id = :shopper AND o.person = s.person AND o.id <> s.id
        AND v.shopper = o.id AND v.store = :store AND v.left_ms IS NULL AND c.id = 'visit:' || v.id
) AS x

-- name: campaigns.take_cap
INSERT INTO caps (id, used, updated_ms) VALUES (:id, 1, :updated_ms)
ON CONFLICT (id) DO UPDATE SET used = caps.used + 1, updated_ms = excluded.updated_ms
WHERE caps.used < :most

-- name: campaigns.release_cap
UPDATE caps SET used = used - 1, updated_ms = :updated_ms WHERE id = :id AND used > 0
