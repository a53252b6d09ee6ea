-- name: resolver.count
SELECT COUNT(*) AS beacons FROM beacons

-- name: resolver.page
SELECT id, role, format, static_id, exponent, counter_s, counter_at_ms, key_sealed, shopper, staff
FROM beacons WHERE id > :after ORDER BY id LIMIT :most

-- name: resolver.some
SELECT id, role, format, static_id, exponent, counter_s, counter_at_ms, key_sealed, shopper, staff
FROM beacons WHERE id IN (SELECT value FROM {json_each}(:ids{as_json}))

-- name: resolver.fixtures
SELECT
    id, role, format, static_id, exponent, counter_s, counter_at_ms, key_sealed, store, zone, x_m, y_m, shopper,
    staff, power_1m_dbm, name, model, firmware, battery, group_id AS "group", labels, revision
FROM beacons WHERE role = 'fixture' ORDER BY id

-- name: resolver.clocks
SELECT beacon, zero_ms, moved_ms, ahead_ms FROM beacon_clocks WHERE beacon > :after ORDER BY beacon LIMIT :most

-- name: resolver.put_clock
INSERT INTO beacon_clocks (beacon, zero_ms, moved_ms, ahead_ms)
SELECT id, :zero_ms, :moved_ms, :ahead_ms FROM beacons WHERE id = :beacon
ON CONFLICT (beacon) DO UPDATE SET
    zero_ms = excluded.zero_ms, moved_ms = excluded.moved_ms, ahead_ms = excluded.ahead_ms
