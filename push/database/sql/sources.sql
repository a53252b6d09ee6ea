-- name: sources.all
SELECT store, id, kind, topic, gateways, triggers, enabled FROM sources ORDER BY store, id

-- name: sources.of
SELECT store, id, kind, topic, gateways, triggers, enabled, revision, changed_by, changed_ms FROM sources
WHERE store = :store ORDER BY id

-- name: sources.one
SELECT store, id, kind, topic, gateways, triggers, enabled, revision, changed_by, changed_ms FROM sources
WHERE store = :store AND id = :id

-- name: sources.logins
SELECT store, id, topic, secret_sealed FROM sources WHERE enabled = 1 ORDER BY store, id

-- name: sources.new
INSERT INTO sources (store, id, kind, topic, gateways, triggers, enabled, secret_sealed, changed_by, changed_ms)
VALUES (:store, :id, :kind, :topic, :gateways, :triggers, :enabled, :secret_sealed, :changed_by, :changed_ms)

-- name: sources.change
UPDATE sources SET
    kind = :kind, topic = :topic, gateways = :gateways, triggers = :triggers, enabled = :enabled,
    changed_by = :changed_by, changed_ms = :changed_ms, revision = revision + 1
WHERE store = :store AND id = :id

-- name: sources.put_secret
UPDATE sources SET
    secret_sealed = :secret_sealed, changed_by = :changed_by, changed_ms = :changed_ms, revision = revision + 1
WHERE store = :store AND id = :id

-- name: sources.delete
DELETE FROM sources WHERE store = :store AND id = :id

-- name: sources.forget_store
DELETE FROM sources WHERE store = :store
