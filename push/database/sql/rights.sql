-- What people may ask for. Statements rights.erase_* take facets; push/profiles/rights/erasing.py has their order.

-- name: rights.facets
SELECT o.id, o.created_ms, o.kind, o.person FROM shoppers AS s INNER JOIN shoppers AS o ON o.person = s.person
WHERE s.id = :shopper ORDER BY o.id

-- name: rights.hold
SELECT id, created_ms FROM shoppers WHERE person IN (SELECT person FROM shoppers WHERE id = :shopper)
ORDER BY id {for_update}

-- name: rights.page
SELECT id, created_ms FROM shoppers WHERE id > :after ORDER BY id LIMIT :most

-- name: rights.erasures
SELECT id FROM erasures

-- name: rights.note_erasure
INSERT INTO erasures (id, at_ms) VALUES (:id, :at_ms) ON CONFLICT (id) DO NOTHING

-- name: rights.devices
SELECT id FROM devices WHERE shopper IN (SELECT value FROM {json_each}(:ids{as_json})) ORDER BY id

-- name: rights.tags
SELECT id FROM beacons WHERE shopper IN (SELECT value FROM {json_each}(:ids{as_json})) ORDER BY id

-- name: rights.messages
SELECT DISTINCT message AS id FROM deliveries WHERE shopper IN (SELECT value FROM {json_each}(:ids{as_json}))

-- name: rights.erase_receipts
DELETE FROM receipts WHERE delivery IN (
    SELECT id FROM deliveries WHERE shopper IN (SELECT value FROM {json_each}(:ids{as_json}))
)

-- name: rights.erase_attempts
DELETE FROM attempts WHERE delivery IN (
    SELECT id FROM deliveries WHERE shopper IN (SELECT value FROM {json_each}(:ids{as_json}))
)

-- name: rights.erase_events
DELETE FROM events WHERE shopper IN (SELECT value FROM {json_each}(:ids{as_json}))

-- name: rights.erase_deliveries
DELETE FROM deliveries WHERE shopper IN (SELECT value FROM {json_each}(:ids{as_json}))

-- name: rights.erase_decisions
DELETE FROM decisions WHERE shopper IN (SELECT value FROM {json_each}(:ids{as_json}))

-- name: rights.erase_visits
DELETE FROM visits WHERE shopper IN (SELECT value FROM {json_each}(:ids{as_json}))

-- name: rights.erase_consents
DELETE FROM consents WHERE shopper IN (SELECT value FROM {json_each}(:ids{as_json}))

-- name: rights.erase_consent_history
DELETE FROM consent_history WHERE shopper IN (SELECT value FROM {json_each}(:ids{as_json}))

-- name: rights.erase_nicknames
DELETE FROM nicknames WHERE shopper IN (SELECT value FROM {json_each}(:ids{as_json}))

-- name: rights.erase_snoozes
DELETE FROM snoozes WHERE shopper IN (SELECT value FROM {json_each}(:ids{as_json}))

-- name: rights.erase_messages
DELETE FROM messages WHERE id IN (SELECT value FROM {json_each}(:ids{as_json}))

-- name: rights.erase_caps
DELETE FROM caps WHERE id IN (
    SELECT 'visit:' || id FROM visits WHERE shopper IN (SELECT value FROM {json_each}(:ids{as_json}))
)

-- name: rights.erase_moments
DELETE FROM moments WHERE visit IN (
    SELECT id FROM visits WHERE shopper IN (SELECT value FROM {json_each}(:ids{as_json}))
)

-- name: rights.erase_stays
DELETE FROM stays WHERE visit IN (
    SELECT id FROM visits WHERE shopper IN (SELECT value FROM {json_each}(:ids{as_json}))
)

-- name: rights.erase_own_tag_labels
DELETE FROM beacon_labels WHERE item IN (
    SELECT id FROM beacons WHERE id LIKE 'tag!_%' ESCAPE '!' AND shopper IN (SELECT value FROM {json_each}(:ids{as_json}))
)

-- name: rights.erase_own_tags
-- What her phone advertises; a card or fob stays, and is nobody's.
DELETE FROM beacons WHERE id LIKE 'tag!_%' ESCAPE '!' AND shopper IN (SELECT value FROM {json_each}(:ids{as_json}))

-- name: rights.erase_tags
UPDATE beacons SET shopper = NULL, revision = revision + 1, changed_by = 'erased' WHERE shopper IN (SELECT value FROM {json_each}(:ids{as_json}))

-- name: rights.erase_imported_tags
UPDATE import_beacons SET shopper = NULL WHERE shopper IN (SELECT value FROM {json_each}(:ids{as_json}))

-- name: rights.erase_tokens
DELETE FROM tokens WHERE scope = 'device' AND subject IN (
    SELECT id FROM devices WHERE shopper IN (SELECT value FROM {json_each}(:ids{as_json}))
)

-- name: rights.erase_addresses
DELETE FROM addresses WHERE device IN (SELECT id FROM devices WHERE shopper IN (SELECT value FROM {json_each}(:ids{as_json})))

-- name: rights.erase_devices
DELETE FROM devices WHERE shopper IN (SELECT value FROM {json_each}(:ids{as_json}))

-- name: rights.erase_requests
UPDATE requests SET person = '' WHERE person IN (SELECT value FROM {json_each}(:ids{as_json}))

-- name: rights.erase_shoppers
DELETE FROM shoppers WHERE id IN (SELECT value FROM {json_each}(:ids{as_json}))

-- name: rights.scrub_audit
UPDATE audit SET
    before_json = REPLACE(before_json, :said, :unsaid), after_json = REPLACE(after_json, :said, :unsaid)
WHERE before_json LIKE '%' || :said || '%' OR after_json LIKE '%' || :said || '%'

-- name: rights.scrub_audit_of_device
UPDATE audit SET
    actor = REPLACE(actor, :device, 'erased'), subject = REPLACE(subject, :device, 'erased'),
    before_json = REPLACE(before_json, :device, 'erased'), after_json = REPLACE(after_json, :device, 'erased')
WHERE
    actor = 'device:' || :device OR subject LIKE '%' || :device || '%' OR before_json LIKE '%' || :device || '%'
    OR after_json LIKE '%' || :device || '%'
