-- name: provisioning.taken
SELECT 'beacon' AS kind, id FROM beacons
WHERE id IN (SELECT value FROM {json_each}(:ids{as_json}))
    OR static_id IN (SELECT value FROM {json_each}(:said{as_json}))
UNION ALL
SELECT 'gateway' AS kind, id FROM gateways WHERE id IN (SELECT value FROM {json_each}(:ids{as_json}))
ORDER BY kind, id LIMIT :most

-- name: provisioning.put_claim_code
INSERT INTO claim_codes (beacon, hash, made_ms) VALUES (:beacon, :hash, :made_ms)
ON CONFLICT (beacon) DO UPDATE SET hash = excluded.hash, made_ms = excluded.made_ms

-- name: provisioning.drop_claim_code
DELETE FROM claim_codes WHERE beacon = :beacon

-- name: provisioning.coded
SELECT beacon, made_ms FROM claim_codes WHERE beacon IN (SELECT value FROM {json_each}(:ids{as_json}))

-- name: provisioning.claimed_by
SELECT b.id, b.shopper, b.store, b.role, b.staff FROM claim_codes AS c INNER JOIN beacons AS b ON b.id = c.beacon
WHERE c.hash = :hash

-- name: provisioning.claim
-- Of two who claim at once, one changes the row.
UPDATE beacons SET shopper = :shopper, revision = revision + 1, changed_by = :changed_by, changed_ms = :changed_ms
WHERE id = :id AND shopper IS NULL AND role = 'tag' AND staff = 0

-- name: provisioning.release
UPDATE beacons SET shopper = NULL, revision = revision + 1, changed_by = :changed_by, changed_ms = :changed_ms
WHERE id = :id AND shopper = :shopper

-- name: provisioning.tags_of
SELECT id, format, staff, static_id FROM beacons WHERE shopper = :shopper AND role = 'tag' ORDER BY id

-- name: provisioning.tags
-- Of these, the ones that somebody may come to own.
SELECT id, store, shopper FROM beacons
WHERE role = 'tag' AND staff = 0 AND id IN (SELECT value FROM {json_each}(:ids{as_json}))
ORDER BY id

-- name: provisioning.labelled
SELECT b.id, b.name, b.format, b.static_id, b.store, b.zone, s.name AS store_name, z.name AS zone_name
FROM beacons AS b
LEFT JOIN stores AS s ON s.id = b.store
LEFT JOIN zones AS z ON z.store = b.store AND z.id = b.zone
WHERE b.role = 'fixture' AND b.store = :store AND (:zone = '' OR b.zone = :zone) AND b.id > :after
ORDER BY b.id LIMIT :most
