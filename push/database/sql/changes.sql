-- What changes of people, on its way to hooks.

-- name: changes.wanted
-- Whether any hook asks for this kind, also one that is given up: it may come back.
SELECT 1 AS found FROM hooks WHERE kinds LIKE '%"' || :kind || '"%' LIMIT 1

-- name: changes.note
INSERT INTO changes (kind, shopper, detail, sealed) VALUES (:kind, :shopper, :detail, :sealed)

-- name: changes.known_before
SELECT id FROM shoppers WHERE created_ms < :now_ms AND id IN (SELECT value FROM {json_each}(:ids{as_json}))

-- name: changes.note_consent
-- Of whom some hook knows by this facet: all facets of a person change alike.
INSERT INTO changes (kind, shopper, detail)
SELECT 'profile.consent_changed', s.id, :detail FROM shoppers AS s
WHERE s.id = :shopper AND EXISTS (
    SELECT 1 FROM hooks AS h WHERE h.kinds LIKE '%"profile.consent_changed"%' AND (
        h.identifier = s.kind
        OR EXISTS (SELECT 1 FROM identifiers AS i WHERE i.shopper = s.id AND i.kind = h.identifier)
    )
)

-- name: changes.waiting
SELECT 1 AS found FROM changes LIMIT 1

-- name: changes.hold
SELECT value FROM counters WHERE id = 'changes' {for_update}

-- name: changes.first
SELECT id, kind, shopper, detail, sealed FROM changes ORDER BY id LIMIT :most {for_update}

-- name: changes.numbered
DELETE FROM changes WHERE id = :id

-- name: changes.put_event
INSERT INTO events (seq, at_ms, kind, message, delivery, shopper, channel, reason, detail, sealed)
VALUES (:seq, :at_ms, :kind, '', '', :shopper, NULL, NULL, :detail, :sealed)

-- name: rights.erase_changes
DELETE FROM changes WHERE shopper IN (SELECT value FROM {json_each}(:ids{as_json}))

-- name: changes.farewell_hooks
-- Who is told when somebody is erased.
SELECT id, identifier FROM hooks WHERE kinds LIKE '%"profile.erased"%' ORDER BY id

-- name: farewells.put
INSERT INTO farewells (id, hook, month, wrapped, sealed, made_ms)
VALUES (:id, :hook, :month, :wrapped, :sealed, :made_ms)

-- name: farewells.get
SELECT id, month, wrapped, sealed FROM farewells WHERE id = :id

-- name: farewells.drop
DELETE FROM farewells WHERE id = :id

-- name: farewells.prune
DELETE FROM farewells WHERE made_ms < :before_ms

-- name: farewells.before
SELECT month, COUNT(*) AS found FROM farewells WHERE month < :month OR month > :furthest GROUP BY month

-- name: farewells.slice
SELECT id AS shopper, month, wrapped FROM farewells
WHERE (month < :month OR month > :furthest) AND id > :after ORDER BY id LIMIT :most

-- name: farewells.swap
UPDATE farewells SET month = :month, wrapped = :wrapped WHERE id = :shopper AND wrapped = :before
