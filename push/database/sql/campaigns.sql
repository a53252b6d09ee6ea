-- name: campaigns.put
INSERT INTO campaigns (id, version, definition, updated_ms) VALUES (:id, 1, :definition, :updated_ms)
ON CONFLICT (id) DO UPDATE SET
    version = campaigns.version + 1, definition = excluded.definition, updated_ms = excluded.updated_ms

-- name: campaigns.all
SELECT id, version, definition FROM campaigns ORDER BY id

-- name: campaigns.decide
INSERT INTO decisions (id, moment, shopper, store, campaign, receipt, decided_ms)
VALUES (:id, :moment, :shopper, :store, :campaign, :receipt, :decided_ms)

-- name: campaigns.decisions
SELECT id, moment, shopper, store, campaign, receipt, decided_ms FROM decisions
WHERE decided_ms >= :since_ms ORDER BY decided_ms, id LIMIT :most

-- name: campaigns.cap_used
SELECT used FROM caps WHERE id = :id

-- name: campaigns.take_cap
INSERT INTO caps (id, used, updated_ms) VALUES (:id, 1, :updated_ms)
ON CONFLICT (id) DO UPDATE SET used = caps.used + 1, updated_ms = excluded.updated_ms
WHERE caps.used < :most

-- name: campaigns.release_cap
UPDATE caps SET used = used - 1, updated_ms = :updated_ms WHERE id = :id AND used > 0
