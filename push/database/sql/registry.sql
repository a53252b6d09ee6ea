-- name: registry.put_store
INSERT INTO stores (
    id, name, time_zone, allow_static_tags, address, latitude, longitude, opening, holidays, days, group_id, labels,
    name_key, changed_by, changed_ms
)
VALUES (
    :id, :name, :time_zone, :allow_static_tags, :address, :latitude, :longitude, :opening, :holidays, :days, :group,
    :labels, :name_key, :changed_by, :changed_ms
)
ON CONFLICT (id) DO UPDATE SET
    name = excluded.name, time_zone = excluded.time_zone, allow_static_tags = excluded.allow_static_tags,
    address = excluded.address, latitude = excluded.latitude, longitude = excluded.longitude,
    opening = excluded.opening, holidays = excluded.holidays, days = excluded.days, group_id = excluded.group_id,
    labels = excluded.labels, name_key = excluded.name_key, changed_by = excluded.changed_by,
    changed_ms = excluded.changed_ms, revision = stores.revision + 1

-- name: registry.stores
SELECT
    id, name, time_zone, allow_static_tags, address, latitude, longitude, opening, holidays, days,
    group_id AS "group", labels, revision
FROM stores ORDER BY id

-- name: registry.put_zone
INSERT INTO zones (store, id, name, polygon_m, changed_by, changed_ms)
VALUES (:store, :id, :name, :polygon_m, :changed_by, :changed_ms)
ON CONFLICT (store, id) DO UPDATE SET
    name = excluded.name, polygon_m = excluded.polygon_m, changed_by = excluded.changed_by,
    changed_ms = excluded.changed_ms, revision = zones.revision + 1

-- name: registry.zones
SELECT store, id, name, polygon_m FROM zones ORDER BY store, id

-- name: registry.put_gateway
INSERT INTO gateways (
    id, store, zone, x_m, y_m, z_m, radio_offset_db, name, group_id, labels, secret_sealed, previous_sealed,
    config_version, name_key, changed_by, changed_ms
)
VALUES (
    :id, :store, :zone, :x_m, :y_m, :z_m, :radio_offset_db, :name, :group, :labels, :secret_sealed, NULL, 1,
    :name_key, :changed_by, :changed_ms
)
ON CONFLICT (id) DO UPDATE SET
    store = excluded.store, zone = excluded.zone, x_m = excluded.x_m, y_m = excluded.y_m, z_m = excluded.z_m,
    radio_offset_db = excluded.radio_offset_db, name = excluded.name, group_id = excluded.group_id,
    labels = excluded.labels, name_key = excluded.name_key, changed_by = excluded.changed_by,
    changed_ms = excluded.changed_ms, config_version = gateways.config_version + 1, revision = gateways.revision + 1

-- name: registry.rotate_gateway_secret
UPDATE gateways SET previous_sealed = secret_sealed, secret_sealed = :secret_sealed WHERE id = :id

-- name: registry.gateways
SELECT
    id, store, zone, x_m, y_m, z_m, radio_offset_db, name, group_id AS "group", labels, revision, secret_sealed,
    previous_sealed, config_version
FROM gateways ORDER BY id

-- name: registry.bump_config
UPDATE gateways SET config_version = config_version + 1

-- name: registry.put_beacon
INSERT INTO beacons (
    id, role, format, static_id, exponent, counter_s, counter_at_ms, key_sealed, store, zone, x_m, y_m, shopper,
    staff, power_1m_dbm, name, model, firmware, battery, group_id, labels, name_key, changed_by,
    changed_ms
)
VALUES (
    :id, :role, :format, :static_id, :exponent, :counter_s, :counter_at_ms, :key_sealed, :store, :zone, :x_m, :y_m,
    :shopper, :staff, :power_1m_dbm, :name, :model, :firmware, :battery, :group, :labels, :name_key, :changed_by,
    :changed_ms
)
ON CONFLICT (id) DO UPDATE SET
    role = excluded.role, format = excluded.format, static_id = excluded.static_id, exponent = excluded.exponent,
    counter_s = excluded.counter_s, counter_at_ms = excluded.counter_at_ms,
    key_sealed = COALESCE(excluded.key_sealed, beacons.key_sealed), store = excluded.store, zone = excluded.zone,
    x_m = excluded.x_m, y_m = excluded.y_m, shopper = excluded.shopper, staff = excluded.staff,
    power_1m_dbm = excluded.power_1m_dbm, name = excluded.name, model = excluded.model,
    firmware = excluded.firmware, battery = excluded.battery, group_id = excluded.group_id, labels = excluded.labels,
    name_key = excluded.name_key, changed_by = excluded.changed_by, changed_ms = excluded.changed_ms,
    revision = beacons.revision + 1

-- name: registry.beacons
SELECT
    id, role, format, static_id, exponent, counter_s, counter_at_ms, key_sealed, store, zone, x_m, y_m, shopper,
    staff, power_1m_dbm, name, model, firmware, battery, group_id AS "group", labels, revision
FROM beacons ORDER BY id

-- name: registry.delete_beacon
DELETE FROM beacons WHERE id = :id

-- name: registry.audit
INSERT INTO audit (id, at_ms, actor, action, subject, store, before_json, after_json)
VALUES (:id, :at_ms, :actor, :action, :subject, :store, :before_json, :after_json)

-- name: registry.store
SELECT
    id, name, time_zone, allow_static_tags, address, latitude, longitude, opening, holidays, days, group_id, labels,
    revision, changed_by, changed_ms
FROM stores WHERE id = :id {for_update}

-- name: registry.zone
SELECT store, id, name, polygon_m, revision, changed_by, changed_ms FROM zones WHERE store = :store AND id = :id
{for_update}

-- name: registry.zones_of
SELECT store, id, name, polygon_m, revision, changed_by, changed_ms FROM zones WHERE store = :store ORDER BY id

-- name: registry.gateway
SELECT
    id, store, zone, x_m, y_m, z_m, radio_offset_db, name, group_id, labels, revision, changed_by, changed_ms
FROM gateways WHERE id = :id {for_update}

-- name: registry.beacon
SELECT
    id, role, format, static_id, exponent, counter_s, counter_at_ms, store, zone, x_m, y_m, shopper, staff,
    power_1m_dbm, name, model, firmware, battery, group_id, labels, revision, changed_by, changed_ms,
    CASE WHEN key_sealed IS NULL THEN 0 ELSE 1 END AS has_key
FROM beacons WHERE id = :id {for_update}

-- name: registry.place
-- Which of them there are: a store, its zone, and a gateway or beacon of some id.
SELECT
    (SELECT COUNT(*) FROM stores WHERE id = :store) AS stores,
    (SELECT COUNT(*) FROM zones WHERE store = :store AND id = :zone) AS zones,
    (SELECT COUNT(*) FROM gateways WHERE id = :id) AS gateways,
    (SELECT COUNT(*) FROM beacons WHERE id = :id) AS beacons

-- name: registry.says
SELECT id FROM beacons WHERE static_id = :static_id AND id <> :id

-- name: registry.in_the_way_of_store
SELECT 'gateway' AS kind, id FROM gateways WHERE store = :store
UNION ALL SELECT 'screen', id FROM screens WHERE store = :store
UNION ALL SELECT 'beacon', id FROM (SELECT id FROM beacons WHERE store = :store LIMIT :most) AS found
LIMIT :most

-- name: registry.in_the_way_of_zone
SELECT 'gateway' AS kind, id FROM gateways WHERE store = :store AND zone = :zone
UNION ALL SELECT 'screen', id FROM screens WHERE store = :store AND zone = :zone
UNION ALL SELECT 'beacon', id FROM (SELECT id FROM beacons WHERE store = :store AND zone = :zone LIMIT :most) AS found
LIMIT :most

-- name: registry.delete_store
DELETE FROM stores WHERE id = :id

-- name: registry.delete_zone
DELETE FROM zones WHERE store = :store AND id = :id

-- name: registry.delete_zones_of
DELETE FROM zones WHERE store = :store

-- name: registry.delete_gateway
DELETE FROM gateways WHERE id = :id

-- name: registry.forget_gateway_marks
DELETE FROM gateway_marks WHERE gateway = :id

-- name: registry.forget_gateway_status
DELETE FROM gateway_status WHERE gateway = :id

-- name: registry.label_store
INSERT INTO store_labels (label, item) VALUES (:label, :item) ON CONFLICT (label, item) DO NOTHING

-- name: registry.unlabel_store
DELETE FROM store_labels WHERE label = :label AND item = :item

-- name: registry.label_gateway
INSERT INTO gateway_labels (label, item) VALUES (:label, :item) ON CONFLICT (label, item) DO NOTHING

-- name: registry.unlabel_gateway
DELETE FROM gateway_labels WHERE label = :label AND item = :item

-- name: registry.label_beacon
INSERT INTO beacon_labels (label, item) VALUES (:label, :item) ON CONFLICT (label, item) DO NOTHING

-- name: registry.unlabel_beacon
DELETE FROM beacon_labels WHERE label = :label AND item = :item
