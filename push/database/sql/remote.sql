-- name: remote.all
SELECT kind, id, settings FROM remote_settings

-- name: remote.one
SELECT settings FROM remote_settings WHERE kind = :kind AND id = :id

-- name: remote.put
INSERT INTO remote_settings (kind, id, settings, changed_ms) VALUES (:kind, :id, :settings, :changed_ms)
ON CONFLICT (kind, id) DO UPDATE SET settings = excluded.settings, changed_ms = excluded.changed_ms

-- name: remote.forget
DELETE FROM remote_settings WHERE kind = :kind AND id = :id

-- name: remote.bump_store
UPDATE gateways SET config_version = config_version + 1 WHERE store = :store

-- name: remote.bump_gateway
UPDATE gateways SET config_version = config_version + 1 WHERE id = :gateway

-- name: remote.told
SELECT g.id, g.config_version, s.state, s.status, s.received_ms
FROM gateways AS g LEFT JOIN gateway_status AS s ON s.gateway = g.id
WHERE g.store = :store AND (:gateway = '' OR g.id = :gateway) ORDER BY g.id
