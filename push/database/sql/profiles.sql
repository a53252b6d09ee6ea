-- name: profiles.new_shopper
INSERT INTO shoppers (id, traits, created_ms, person) VALUES (:id, :traits, :created_ms, :id) ON CONFLICT (id) DO NOTHING

-- name: profiles.persons
SELECT id, person FROM shoppers WHERE id IN (SELECT value FROM {json_each}(:shoppers{as_json}))

-- name: profiles.new_device
INSERT INTO devices (id, shopper, platform, locale, created_ms, seen_ms)
VALUES (:id, :shopper, :platform, :locale, :created_ms, :created_ms)
ON CONFLICT (id) DO NOTHING

-- name: profiles.unvouched_device
-- It was registered for somebody by others, and speaks for her to them alone.
UPDATE devices SET vouched = 0 WHERE id = :id

-- name: profiles.device
SELECT id, shopper, platform, locale, seen_ms FROM devices WHERE id = :id

-- name: profiles.addresses_of
SELECT
    a.device, a.channel, a.app, a.service, a.sealed, a.hers, a.hash, a.registered_ms,
    k.shopper AS key_of, k.month AS key_month, k.wrapped AS key_wrapped
FROM addresses AS a
    INNER JOIN devices AS d ON d.id = a.device
    LEFT JOIN person_keys AS k ON k.shopper = d.shopper
WHERE a.device = :device ORDER BY a.channel

-- name: profiles.devices_since
SELECT id, shopper, platform, locale, created_ms, seen_ms FROM devices
WHERE created_ms >= :since_ms AND (CAST(:platform AS TEXT) = '' OR platform = :platform)
ORDER BY created_ms, id LIMIT :most

-- name: profiles.granted
SELECT shopper, purpose FROM consents
WHERE granted = 1 AND shopper IN (SELECT value FROM {json_each}(:shoppers{as_json}))
ORDER BY shopper, purpose

-- name: profiles.set_address
INSERT INTO addresses (device, channel, app, service, sealed, hers, hash, registered_ms)
VALUES (:device, :channel, :app, :service, :sealed, 1, :hash, :registered_ms)
ON CONFLICT (device, channel) DO UPDATE SET
    app = excluded.app, service = excluded.service, sealed = excluded.sealed, hers = 1, hash = excluded.hash,
    registered_ms = excluded.registered_ms

-- name: profiles.take_address
-- An address belongs to the device that registered it last: an app that was installed anew is one device, not two.
DELETE FROM addresses WHERE hash = :hash AND channel = :channel AND device <> :device

-- name: profiles.delete_address
DELETE FROM addresses WHERE device = :device AND channel = :channel

-- name: profiles.drop_address
-- What a service says is dead, unless it was registered again since.
DELETE FROM addresses WHERE device = :device AND channel = :channel AND registered_ms <= :since_ms

-- name: profiles.seen
UPDATE devices SET seen_ms = :seen_ms WHERE id = :id AND seen_ms < :seen_ms

-- name: profiles.consents_of
SELECT purpose, granted, at_ms, source FROM consents WHERE shopper = :shopper ORDER BY purpose

-- name: profiles.lock_consents
-- Those of all facets of these people, so that whoever decides about the same ones waits, whichever facet it is for; in one
-- order, so that two never wait for each other.
SELECT shopper, purpose, granted FROM consents
WHERE shopper IN (
    SELECT o.id FROM shoppers AS s INNER JOIN shoppers AS o ON o.person = s.person
    WHERE s.id IN (SELECT value FROM {json_each}(:shoppers{as_json}))
)
ORDER BY shopper, purpose {for_update}

-- name: profiles.lock_facets
SELECT id FROM shoppers
WHERE person IN (SELECT s.person FROM shoppers AS s WHERE s.id IN (SELECT value FROM {json_each}(:shoppers{as_json})))
ORDER BY id {for_no_key_update}

-- name: profiles.consent_history
-- What a person said, under whichever identifier; what waits to be confirmed was not said yet.
SELECT h.purpose, h.granted, h.at_ms, h.source
FROM shoppers AS s
    INNER JOIN shoppers AS o ON o.person = s.person
    INNER JOIN consent_history AS h ON h.shopper = o.id
WHERE s.id = :shopper AND h.pending = 0 ORDER BY h.at_ms, h.id

-- name: profiles.all_granted
SELECT shopper, purpose FROM consents WHERE granted = 1

-- name: profiles.snoozes
-- What she said last holds for all of her, under whichever identifier she said it.
SELECT z.shopper, z.until_ms
FROM (
    SELECT
        s.id AS shopper, n.until_ms,
        ROW_NUMBER() OVER (PARTITION BY s.id ORDER BY n.at_ms DESC, n.until_ms DESC) AS place
    FROM shoppers AS s INNER JOIN shoppers AS o ON o.person = s.person INNER JOIN snoozes AS n ON n.shopper = o.id
    WHERE s.id IN (SELECT value FROM {json_each}(:shoppers{as_json}))
) AS z
WHERE z.place = 1 AND z.until_ms > :now_ms

-- name: profiles.set_snooze
INSERT INTO snoozes (shopper, until_ms, at_ms) VALUES (:shopper, :until_ms, :at_ms)
ON CONFLICT (shopper) DO UPDATE SET until_ms = excluded.until_ms, at_ms = excluded.at_ms
