-- name: imports.new
INSERT INTO imports (id, kind, actor, dry_run, state, created_ms, touched_ms)
VALUES (:id, :kind, :actor, :dry_run, 'receiving', :now_ms, :now_ms)

-- name: imports.get
SELECT * FROM imports WHERE id = :id

-- name: imports.page
SELECT * FROM imports
WHERE created_ms < :after_ms OR (created_ms = :after_ms AND id < :after_id)
ORDER BY created_ms DESC, id DESC LIMIT :most

-- name: imports.running
SELECT id, touched_ms FROM imports WHERE kind = :kind AND state IN ('receiving', 'checking', 'applying')

-- name: imports.last
-- The last that changed anything.
SELECT id FROM imports
WHERE kind = :kind AND state = 'done' AND dry_run = 0 ORDER BY created_ms DESC, id DESC LIMIT 1

-- name: imports.progress
UPDATE imports SET
    state = :state, touched_ms = :now_ms, rows_read = :rows_read, rows_checked = :rows_checked,
    rows_written = :rows_written, count_new = :count_new, count_changed = :count_changed, count_same = :count_same,
    error_count = :error_count, errors = :errors
WHERE id = :id

-- name: imports.set_state
UPDATE imports SET state = :state, touched_ms = :now_ms WHERE id = :id

-- name: imports.stage_beacon
INSERT INTO import_beacons (
    import_id, side, id, base, moves, role, format, static_id, exponent, counter_s, counter_at_ms, key_sealed, store,
    zone, x_m, y_m, shopper, staff, power_1m_dbm, name, model, firmware, battery, group_id, labels, name_key
)
VALUES (
    :import_id, 'after', :id, :base, :moves, :role, :format, :static_id, :exponent, :counter_s, :counter_at_ms,
    :key_sealed, :store, :zone, :x_m, :y_m, :shopper, :staff, :power_1m_dbm, :name, :model, :firmware, :battery,
    :group, :labels, :name_key
)

-- name: imports.stage_before
-- What stands of those that the import changes, as it was compared with.
INSERT INTO import_beacons (
    import_id, side, id, base, role, format, static_id, exponent, counter_s, counter_at_ms, key_sealed, store,
    zone, x_m, y_m, shopper, staff, power_1m_dbm, name, model, firmware, battery, group_id, labels, name_key
)
SELECT
    CAST(:import_id AS TEXT), 'before', id, revision, role, format, static_id, exponent, counter_s,
    counter_at_ms, key_sealed, store, zone, x_m, y_m, shopper, staff, power_1m_dbm, name, model, firmware,
    battery, group_id, labels, name_key
FROM beacons WHERE id IN (SELECT value FROM {json_each}(:ids{as_json}))

-- name: imports.stage_label
INSERT INTO import_labels (import_id, sign, label, item) VALUES (:import_id, :sign, :label, :item)

-- name: imports.unstage_beacons
DELETE FROM import_beacons WHERE import_id = :import_id

-- name: imports.unstage_labels
DELETE FROM import_labels WHERE import_id = :import_id

-- name: imports.sweep_beacons
-- What is staged of imports that can neither be applied nor undone any more.
DELETE FROM import_beacons WHERE import_id IN (SELECT id FROM imports WHERE state IN ('failed', 'checked', 'undone'))

-- name: imports.sweep_labels
DELETE FROM import_labels WHERE import_id IN (SELECT id FROM imports WHERE state IN ('failed', 'checked', 'undone'))

-- name: imports.some_beacons
SELECT
    id, role, format, static_id, exponent, counter_s, counter_at_ms, store, zone, x_m, y_m, shopper, staff,
    power_1m_dbm, name, model, firmware, battery, group_id, labels, revision,
    CASE WHEN key_sealed IS NULL THEN 0 ELSE 1 END AS has_key
FROM beacons WHERE id IN (SELECT value FROM {json_each}(:ids{as_json}))

-- name: imports.who_says
SELECT id, static_id FROM beacons WHERE static_id IN (SELECT value FROM {json_each}(:static_ids{as_json}))

-- name: imports.gateway_ids
SELECT id FROM gateways WHERE id IN (SELECT value FROM {json_each}(:ids{as_json}))

-- name: imports.zones
SELECT s.id AS store, z.id AS zone FROM stores AS s LEFT JOIN zones AS z ON z.store = s.id

-- name: imports.changed_since
-- Whoever is not as the import compared it: changed, deleted, or registered meanwhile.
SELECT i.id FROM import_beacons AS i LEFT JOIN beacons AS b ON b.id = i.id
WHERE i.import_id = :import_id AND i.side = 'after' AND COALESCE(b.revision, 0) <> i.base
ORDER BY i.id LIMIT :most

-- name: imports.changed_after
-- Whoever is not as the import wrote it. Revisions begin anew for what is deleted and registered again: when tells these.
SELECT i.id FROM import_beacons AS i
JOIN imports AS m ON m.id = i.import_id
LEFT JOIN beacons AS b ON b.id = i.id
WHERE i.import_id = :import_id AND i.side = 'after'
    AND (COALESCE(b.revision, 0) <> i.base + 1 OR b.changed_ms <> m.touched_ms)
ORDER BY i.id LIMIT :most

-- name: imports.without_place
-- Whose store or zone is not there any more, and who is new and has the id of a gateway by now.
SELECT i.id FROM import_beacons AS i
WHERE i.import_id = :import_id AND i.side = :side AND i.store IS NOT NULL AND (
    NOT EXISTS (SELECT 1 FROM stores AS s WHERE s.id = i.store)
    OR (i.zone IS NOT NULL AND NOT EXISTS (SELECT 1 FROM zones AS z WHERE z.store = i.store AND z.id = i.zone))
)
UNION ALL SELECT i.id FROM import_beacons AS i JOIN gateways AS g ON g.id = i.id
WHERE i.import_id = :import_id AND i.side = :side AND i.base = 0
LIMIT :most

-- name: imports.free_static_ids
-- Two may exchange what they say: each lets go of it first.
UPDATE beacons SET static_id = NULL WHERE static_id IS NOT NULL AND id IN (
    SELECT id FROM import_beacons WHERE import_id = :import_id AND side = 'after' AND moves = 1
)

-- name: imports.apply_beacons
-- Without a key, a known one keeps its own. One that was changed meanwhile is left alone: fewer rows say so.
INSERT INTO beacons (
    id, role, format, static_id, exponent, counter_s, counter_at_ms, key_sealed, store, zone, x_m, y_m, shopper,
    staff, power_1m_dbm, name, model, firmware, battery, group_id, labels, name_key, changed_by, changed_ms
)
SELECT
    id, role, format, static_id, exponent, counter_s, counter_at_ms, key_sealed, store, zone, x_m, y_m, shopper,
    staff, power_1m_dbm, name, model, firmware, battery, group_id, labels, name_key, CAST(:changed_by AS TEXT),
    CAST(:changed_ms AS BIGINT)
FROM import_beacons WHERE import_id = :import_id AND side = 'after' ORDER BY id
ON CONFLICT (id) DO UPDATE SET
    role = excluded.role, format = excluded.format, static_id = excluded.static_id,
    exponent = excluded.exponent, counter_s = excluded.counter_s, counter_at_ms = excluded.counter_at_ms,
    key_sealed = COALESCE(excluded.key_sealed, beacons.key_sealed), store = excluded.store,
    zone = excluded.zone, x_m = excluded.x_m, y_m = excluded.y_m, shopper = excluded.shopper,
    staff = excluded.staff, power_1m_dbm = excluded.power_1m_dbm, name = excluded.name, model = excluded.model,
    firmware = excluded.firmware, battery = excluded.battery, group_id = excluded.group_id,
    labels = excluded.labels, name_key = excluded.name_key, changed_by = excluded.changed_by,
    changed_ms = excluded.changed_ms, revision = beacons.revision + 1
WHERE beacons.revision = (
    SELECT i.base FROM import_beacons AS i
    WHERE i.import_id = :import_id AND i.side = 'after' AND i.id = beacons.id
)

-- name: imports.restore_beacons
-- With the key that it had.
INSERT INTO beacons (
    id, role, format, static_id, exponent, counter_s, counter_at_ms, key_sealed, store, zone, x_m, y_m, shopper,
    staff, power_1m_dbm, name, model, firmware, battery, group_id, labels, name_key, changed_by, changed_ms
)
SELECT
    id, role, format, static_id, exponent, counter_s, counter_at_ms, key_sealed, store, zone, x_m, y_m, shopper,
    staff, power_1m_dbm, name, model, firmware, battery, group_id, labels, name_key, CAST(:changed_by AS TEXT),
    CAST(:changed_ms AS BIGINT)
FROM import_beacons WHERE import_id = :import_id AND side = 'before' ORDER BY id
ON CONFLICT (id) DO UPDATE SET
    role = excluded.role, format = excluded.format, static_id = excluded.static_id,
    exponent = excluded.exponent, counter_s = excluded.counter_s, counter_at_ms = excluded.counter_at_ms,
    key_sealed = excluded.key_sealed, store = excluded.store, zone = excluded.zone, x_m = excluded.x_m,
    y_m = excluded.y_m, shopper = excluded.shopper, staff = excluded.staff,
    power_1m_dbm = excluded.power_1m_dbm, name = excluded.name, model = excluded.model,
    firmware = excluded.firmware, battery = excluded.battery, group_id = excluded.group_id,
    labels = excluded.labels, name_key = excluded.name_key, changed_by = excluded.changed_by,
    changed_ms = excluded.changed_ms, revision = beacons.revision + 1
WHERE beacons.revision = (
    SELECT i.base FROM import_beacons AS i
    WHERE i.import_id = :import_id AND i.side = 'before' AND i.id = beacons.id
) + 1

-- name: imports.delete_new
DELETE FROM beacons WHERE revision = 1 AND id IN (
    SELECT id FROM import_beacons WHERE import_id = :import_id AND side = 'after' AND base = 0
)

-- name: imports.add_labels
INSERT INTO beacon_labels (label, item)
SELECT label, item FROM import_labels WHERE import_id = :import_id AND sign = :sign ORDER BY label, item
ON CONFLICT (label, item) DO NOTHING

-- name: imports.take_labels
DELETE FROM beacon_labels WHERE (label, item) IN (
    SELECT label, item FROM import_labels WHERE import_id = :import_id AND sign = :sign
)

-- name: imports.add_shoppers
INSERT INTO shoppers (id, traits, created_ms, person)
SELECT DISTINCT shopper, '{}', CAST(:now_ms AS BIGINT), shopper FROM import_beacons
WHERE import_id = :import_id AND side = 'after' AND shopper IS NOT NULL
ON CONFLICT (id) DO NOTHING

-- name: imports.export_beacons
SELECT
    id, role, format, static_id, exponent, counter_s, counter_at_ms, store, zone, x_m, y_m, shopper, staff,
    power_1m_dbm, name, model, firmware, battery, group_id, labels
FROM beacons
WHERE id{c} > :after AND (
    CAST(:stores AS TEXT) IS NULL OR store IN (SELECT value FROM {json_each}(:stores{as_json}))
)
ORDER BY id{c} LIMIT :most

-- name: imports.give_up
UPDATE imports SET
    state = 'failed', touched_ms = :now_ms, error_count = error_count + 1,
    errors = CASE WHEN errors = '[]' THEN :errors ELSE errors END
WHERE id = :id
