-- name: registry.put_store
INSERT INTO stores (
    id, name, time_zone, allow_static_tags, address, latitude, longitude, opening, holidays, days, group_id, labels
)
VALUES (
    :id, :name, :time_zone, :allow_static_tags, :address, :latitude, :longitude, :opening, :holidays, :days, :group,
    :labels
)
ON CONFLICT (id) DO UPDATE SET
    name = excluded.name, time_zone = excluded.time_zone, allow_static_tags = excluded.allow_static_tags,
    address = excluded.address, latitude = excluded.latitude, longitude = excluded.longitude,
    opening = excluded.opening, holidays = excluded.holidays, days = excluded.days, group_id = excluded.group_id,
    labels = excluded.labels, revision = stores.revision + 1

-- name: registry.stores
SELECT
    id, name, time_zone, allow_static_tags, address, latitude, longitude, opening, holidays, days,
    group_id AS "group", labels, revision
FROM stores ORDER BY id

-- name: registry.put_zone
INSERT INTO zones (store, id, name, polygon_m) VALUES (:store, :id, :name, :polygon_m)
ON CONFLICT (store, id) DO UPDATE SET
    name = excluded.name, polygon_m = excluded.polygon_m, revision = zones.revision + 1

-- name: registry.zones
SELECT store, id, name, polygon_m FROM zones ORDER BY store, id

-- name: registry.put_gateway
INSERT INTO gateways (
    id, store, zone, x_m, y_m, z_m, radio_offset_db, name, group_id, labels, secret_sealed, previous_sealed,
    config_version
)
VALUES (
    :id, :store, :zone, :x_m, :y_m, :z_m, :radio_offset_db, :name, :group, :labels, :secret_sealed, NULL, 1
)
ON CONFLICT (id) DO UPDATE SET
    store = excluded.store, zone = excluded.zone, x_m = excluded.x_m, y_m = excluded.y_m, z_m = excluded.z_m,
    radio_offset_db = excluded.radio_offset_db, name = excluded.name, group_id = excluded.group_id,
    labels = excluded.labels, config_version = gateways.config_version + 1, revision = gateways.revision + 1

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
    staff, power_1m_dbm, name, model, firmware, battery, group_id, labels
)
VALUES (
    :id, :role, :format, :static_id, :exponent, :counter_s, :counter_at_ms, :key_sealed, :store, :zone, :x_m, :y_m,
    :shopper, :staff, :power_1m_dbm, :name, :model, :firmware, :battery, :group, :labels
)
ON CONFLICT (id) DO UPDATE SET
    role = excluded.role, format = excluded.format, static_id = excluded.static_id, exponent = excluded.exponent,
    counter_s = excluded.counter_s, counter_at_ms = excluded.counter_at_ms,
    key_sealed = COALESCE(excluded.key_sealed, beacons.key_sealed), store = excluded.store, zone = excluded.zone,
    x_m = excluded.x_m, y_m = excluded.y_m, shopper = excluded.shopper, staff = excluded.staff,
    power_1m_dbm = excluded.power_1m_dbm, name = excluded.name, model = excluded.model,
    firmware = excluded.firmware, battery = excluded.battery, group_id = excluded.group_id, labels = excluded.labels,
    revision = beacons.revision + 1

-- name: registry.said_by
SELECT static_id FROM beacons WHERE id = :id

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

-- name: registry.audit_trail
SELECT id, at_ms, actor, action, subject, store, before_json, after_json FROM audit ORDER BY at_ms DESC, id LIMIT :most
