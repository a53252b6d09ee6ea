-- name: presence_rules.all
SELECT store, zone, rules FROM presence_rules ORDER BY store, zone

-- name: presence_rules.of_zones
SELECT zone, rules FROM presence_rules WHERE store = :store AND zone <> '' ORDER BY zone

-- name: presence_rules.get
SELECT rules, revision, changed_by, changed_ms FROM presence_rules WHERE store = :store AND zone = :zone

-- name: presence_rules.put
INSERT INTO presence_rules (store, zone, rules, changed_by, changed_ms)
VALUES (:store, :zone, :rules, :changed_by, :changed_ms)
ON CONFLICT (store, zone) DO UPDATE SET
    rules = excluded.rules, changed_by = excluded.changed_by, changed_ms = excluded.changed_ms,
    revision = presence_rules.revision + 1

-- name: presence_rules.delete
DELETE FROM presence_rules WHERE store = :store AND zone = :zone

-- name: presence_rules.forget_store
DELETE FROM presence_rules WHERE store = :store
