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

-- name: rights.erase_touches
DELETE FROM touches WHERE shopper IN (SELECT value FROM {json_each}(:ids{as_json}))

-- name: rights.erase_waiting
DELETE FROM waiting WHERE shopper IN (SELECT value FROM {json_each}(:ids{as_json}))

-- name: rights.erase_arms
DELETE FROM arms WHERE shopper IN (SELECT value FROM {json_each}(:ids{as_json}))

-- name: rights.erase_coupons_free
-- What was given back from her opens under her key alone.
DELETE FROM coupons WHERE taken_ms IS NULL AND shopper IN (SELECT value FROM {json_each}(:ids{as_json}))

-- name: rights.erase_coupons
-- Codes that she has are good all the same, once, and nobody's.
UPDATE coupons SET shopper = NULL, sealed = NULL, message = NULL, receipt = NULL
WHERE shopper IN (SELECT value FROM {json_each}(:ids{as_json}))

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

-- name: rights.loosen
-- Who stood for others takes nobody along.
UPDATE shoppers SET person = id WHERE person IN (SELECT value FROM {json_each}(:ids{as_json}))

-- name: rights.persons
SELECT DISTINCT person FROM shoppers WHERE id IN (SELECT value FROM {json_each}(:ids{as_json})) ORDER BY person

-- name: rights.export_facets
SELECT id, kind, person, created_ms FROM shoppers
WHERE id IN (SELECT value FROM {json_each}(:ids{as_json})) ORDER BY id

-- name: rights.export_confirmations
SELECT shopper, locale, asked_ms, mails, state, ended_ms FROM confirmations
WHERE shopper IN (SELECT value FROM {json_each}(:ids{as_json})) ORDER BY shopper, asked_ms

-- name: rights.export_consents
SELECT shopper, purpose, granted, at_ms, source FROM consents
WHERE shopper IN (SELECT value FROM {json_each}(:ids{as_json})) ORDER BY shopper, purpose

-- name: rights.export_consent_history
SELECT shopper, purpose, granted, at_ms, again_ms, source, said_by, version, locale, asked_on, claimed, pending, proof
FROM consent_history
WHERE shopper IN (SELECT value FROM {json_each}(:ids{as_json})) ORDER BY at_ms, id

-- name: rights.export_asked
SELECT shopper, purpose, version, locale, asked_on, asked_ms, granted, answered_ms FROM asked
WHERE shopper IN (SELECT value FROM {json_each}(:ids{as_json})) ORDER BY asked_ms, purpose

-- name: rights.export_checks
SELECT shopper, purpose, used_for, day, allowed, times, last_ms FROM checks
WHERE shopper IN (SELECT value FROM {json_each}(:ids{as_json})) ORDER BY day, purpose, used_for

-- name: rights.export_snoozes
SELECT shopper, until_ms, at_ms FROM snoozes
WHERE shopper IN (SELECT value FROM {json_each}(:ids{as_json})) ORDER BY shopper

-- name: rights.export_devices
SELECT id, shopper, platform, locale, created_ms, seen_ms FROM devices
WHERE shopper IN (SELECT value FROM {json_each}(:ids{as_json})) ORDER BY created_ms, id

-- name: rights.export_tags
SELECT id, format, name, shopper FROM beacons
WHERE shopper IN (SELECT value FROM {json_each}(:ids{as_json})) ORDER BY id

-- name: rights.export_visits
SELECT id, store, shopper, entered_ms, left_ms, late FROM visits
WHERE shopper IN (SELECT value FROM {json_each}(:ids{as_json})) ORDER BY entered_ms, id

-- name: rights.export_decisions
SELECT id, moment, shopper, store, campaign, receipt, sealed, decided_ms FROM decisions
WHERE shopper IN (SELECT value FROM {json_each}(:ids{as_json})) ORDER BY decided_ms, id

-- name: rights.export_deliveries
SELECT id, message, shopper, device, state, channel, reason, decided_ms, handed_over_ms, accepted_ms, shown_ms, opened_ms, ended_ms FROM deliveries
WHERE shopper IN (SELECT value FROM {json_each}(:ids{as_json})) ORDER BY decided_ms, id

-- name: rights.export_happenings
SELECT seq, at_ms, kind, message, delivery, shopper, channel, reason FROM events
WHERE shopper IN (SELECT value FROM {json_each}(:ids{as_json})) ORDER BY seq

-- name: rights.export_standings
SELECT person, orders, first_s, last_s, currency, minor, pieces, counted, changed_ms FROM standings
WHERE person IN (SELECT value FROM {json_each}(:ids{as_json})) ORDER BY person

-- name: rights.export_requests
SELECT id, kind, state, opened_ms, due_ms, closed_ms FROM requests
WHERE person IN (SELECT value FROM {json_each}(:ids{as_json})) ORDER BY opened_ms, id

-- name: rights.export_links
-- Whoever the other end is, where a link does not hold, is somebody else.
SELECT
    id, CASE WHEN a IN (SELECT value FROM {json_each}(:ids{as_json})) THEN a END AS a,
    CASE WHEN b IN (SELECT value FROM {json_each}(:ids{as_json})) THEN b END AS b, source, reason, said, at_ms,
    received_ms, state
FROM links
WHERE a IN (SELECT value FROM {json_each}(:ids{as_json})) OR b IN (SELECT value FROM {json_each}(:ids{as_json})) ORDER BY at_ms, id

-- name: rights.export_stays
SELECT id, visit, store, zone, entered_ms, left_ms FROM stays
WHERE visit IN (
    SELECT id FROM visits WHERE shopper IN (SELECT value FROM {json_each}(:ids{as_json}))
) ORDER BY entered_ms, id

-- name: rights.export_moments
SELECT id, kind, store, zone, shopper, visit, mark_s, at_ms FROM moments
WHERE visit IN (
    SELECT id FROM visits WHERE shopper IN (SELECT value FROM {json_each}(:ids{as_json}))
) ORDER BY at_ms, id

-- name: rights.export_attempts
SELECT delivery, attempt, device, channel, app, started_ms, ended_ms, outcome, status FROM attempts
WHERE delivery IN (
    SELECT id FROM deliveries WHERE shopper IN (SELECT value FROM {json_each}(:ids{as_json}))
) ORDER BY started_ms, delivery

-- name: rights.export_receipts
SELECT delivery, kind, at_ms, received_ms FROM receipts
WHERE delivery IN (
    SELECT id FROM deliveries WHERE shopper IN (SELECT value FROM {json_each}(:ids{as_json}))
) ORDER BY at_ms, delivery, kind

-- name: rights.export_messages
SELECT id, shopper, campaign, basis, source, content, sealed, created_ms, expires_ms FROM messages
WHERE id IN (SELECT message FROM deliveries WHERE shopper IN (SELECT value FROM {json_each}(:ids{as_json}))) ORDER BY created_ms, id

-- name: rights.export_touches
SELECT message, shopper, campaign, tags, channel, store, visit, at_ms FROM touches
WHERE shopper IN (SELECT value FROM {json_each}(:ids{as_json})) ORDER BY at_ms, message

-- name: rights.export_waiting
SELECT id, shopper, campaign, kind, store, due_ms, until_ms, made_ms FROM waiting
WHERE shopper IN (SELECT value FROM {json_each}(:ids{as_json})) ORDER BY made_ms, id

-- name: rights.export_arms
SELECT campaign, shopper, arm, first_ms FROM arms
WHERE shopper IN (SELECT value FROM {json_each}(:ids{as_json})) ORDER BY first_ms, campaign

-- name: rights.export_coupons
SELECT id, shopper, pool, campaign, sealed, taken_ms, expires_ms, redeemed_ms, redeemed_store, receipt FROM coupons
WHERE taken_ms IS NOT NULL AND shopper IN (SELECT value FROM {json_each}(:ids{as_json})) ORDER BY taken_ms, id

-- name: rights.export_nicknames
SELECT shopper, sealed, at_ms FROM nicknames
WHERE shopper IN (SELECT value FROM {json_each}(:ids{as_json})) ORDER BY shopper

-- name: rights.export_addresses
SELECT
    a.device, a.channel, a.app, a.service, a.sealed, a.hers, a.registered_ms,
    k.shopper AS key_of, k.month AS key_month, k.wrapped AS key_wrapped
FROM addresses AS a
    INNER JOIN devices AS d ON d.id = a.device
    LEFT JOIN person_keys AS k ON k.shopper = d.shopper
WHERE d.shopper IN (SELECT value FROM {json_each}(:ids{as_json})) ORDER BY a.device, a.channel

-- name: rights.export_segments
SELECT segment, since_ms FROM segment_members
WHERE person IN (SELECT value FROM {json_each}(:ids{as_json})) ORDER BY segment

-- name: rights.export_segment_moves
SELECT segment, kind, at_ms FROM segment_moves
WHERE person IN (SELECT value FROM {json_each}(:ids{as_json})) ORDER BY seq
