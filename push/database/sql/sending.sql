-- name: sending.owners
-- Whose an address is, found without anybody's being able to read it.
SELECT hash, channel, device FROM addresses WHERE hash IN (SELECT value FROM {json_each}(:hashes{as_json}))

-- name: sending.devices
SELECT id, shopper FROM devices WHERE id IN (SELECT value FROM {json_each}(:ids{as_json}))

-- name: sending.shoppers
SELECT id FROM shoppers WHERE id IN (SELECT value FROM {json_each}(:ids{as_json}))

-- name: sending.messages
SELECT id FROM messages WHERE id IN (SELECT value FROM {json_each}(:ids{as_json}))

-- name: sending.answers
-- On which channels people answer: what was handed over, and what they opened.
SELECT
    s.id AS shopper, d.channel, COUNT(*) AS handed_over,
    SUM(CASE WHEN d.opened_ms IS NULL THEN 0 ELSE 1 END) AS opened
FROM shoppers AS s
    INNER JOIN shoppers AS o ON o.person = s.person
    INNER JOIN deliveries AS d ON d.shopper = o.id
WHERE s.id IN (SELECT value FROM {json_each}(:shoppers{as_json})) AND d.decided_ms >= :since_ms
    AND d.channel IS NOT NULL
GROUP BY s.id, d.channel

-- name: sending.deliveries
SELECT
    d.id, d.message, d.device, d.state, d.channel, d.app, d.reason, d.dropped, d.attempt, d.lane, d.expires_ms,
    d.heard_ms, d.received_ms, d.resolved_ms, d.decided_ms, d.handed_over_ms, d.accepted_ms, d.shown_ms, d.opened_ms,
    d.ended_ms, d.visit, d.shopper, d.again_of, m.campaign, m.basis
FROM deliveries AS d INNER JOIN messages AS m ON m.id = d.message
WHERE (d.decided_ms, d.id) > (:after_ms, :after_id)
    AND (CAST(:state AS TEXT) IS NULL OR d.state = :state)
    AND (CAST(:channel AS TEXT) IS NULL OR d.channel = :channel)
    AND (CAST(:source AS TEXT) IS NULL OR m.source = :source)
    AND (:everywhere = 1 OR EXISTS (
        SELECT 1 FROM visits AS v WHERE v.id = d.visit AND v.store IN (SELECT value FROM {json_each}(:stores{as_json}))
    ))
ORDER BY d.decided_ms, d.id LIMIT :most

-- name: sending.deliveries_of_shopper
SELECT
    d.id, d.message, d.device, d.state, d.channel, d.app, d.reason, d.dropped, d.attempt, d.lane, d.expires_ms,
    d.heard_ms, d.received_ms, d.resolved_ms, d.decided_ms, d.handed_over_ms, d.accepted_ms, d.shown_ms, d.opened_ms,
    d.ended_ms, d.visit, d.shopper, d.again_of, m.campaign, m.basis
FROM deliveries AS d INNER JOIN messages AS m ON m.id = d.message
WHERE d.shopper IN (
        SELECT o.id FROM shoppers AS s INNER JOIN shoppers AS o ON o.person = s.person WHERE s.id = :shopper
    )
    AND d.decided_ms >= :after_ms AND (d.decided_ms, d.id) > (:after_ms, :after_id)
    AND (CAST(:state AS TEXT) IS NULL OR d.state = :state)
    AND (CAST(:channel AS TEXT) IS NULL OR d.channel = :channel)
    AND (CAST(:source AS TEXT) IS NULL OR m.source = :source)
    AND (:everywhere = 1 OR EXISTS (
        SELECT 1 FROM visits AS v WHERE v.id = d.visit AND v.store IN (SELECT value FROM {json_each}(:stores{as_json}))
    ))
ORDER BY d.decided_ms, d.id LIMIT :most

-- name: sending.dead_letters
-- Those that failed are few, and have an index of their own.
SELECT
    d.id, d.message, d.device, d.state, d.channel, d.app, d.reason, d.dropped, d.attempt, d.lane, d.expires_ms,
    d.heard_ms, d.received_ms, d.resolved_ms, d.decided_ms, d.handed_over_ms, d.accepted_ms, d.shown_ms, d.opened_ms,
    d.ended_ms, d.visit, d.shopper, d.again_of, m.campaign, m.basis
FROM deliveries AS d INNER JOIN messages AS m ON m.id = d.message
WHERE d.state = 'failed' AND d.ended_ms >= :after_ms AND (d.decided_ms, d.id) > (:after_ms, :after_id)
    AND (CAST(:channel AS TEXT) IS NULL OR d.channel = :channel)
    AND (CAST(:source AS TEXT) IS NULL OR m.source = :source)
    AND (:everywhere = 1 OR EXISTS (
        SELECT 1 FROM visits AS v WHERE v.id = d.visit AND v.store IN (SELECT value FROM {json_each}(:stores{as_json}))
    ))
ORDER BY d.decided_ms, d.id LIMIT :most

-- name: sending.attempts_of_message
SELECT
    a.delivery, a.attempt, a.device, a.channel, a.app, a.started_ms, a.ended_ms, a.outcome, a.status, a.reference
FROM attempts AS a INNER JOIN deliveries AS d ON d.id = a.delivery
WHERE d.message = :message ORDER BY a.delivery, a.attempt, a.started_ms, a.channel

-- name: sending.again
-- A delivery that ended without having been handed over, and its message.
SELECT
    d.id, d.message, d.shopper, d.visit, d.lane, d.state, d.routes, d.later, d.fall_back_s, d.heard_ms, d.received_ms,
    d.resolved_ms, d.expires_ms - d.decided_ms AS given_ms, m.decision, m.basis, m.needs, m.source, m.expires_ms
FROM deliveries AS d INNER JOIN messages AS m ON m.id = d.message
WHERE d.id = :id {for_update}

-- name: sending.others
-- What else became, or may yet become, of a message.
SELECT id, state FROM deliveries WHERE message = :message AND id <> :id

-- name: sending.extend
UPDATE messages SET expires_ms = :expires_ms WHERE id = :message

-- name: sending.enqueue_again
INSERT INTO deliveries (
    id, again_of, message, shopper, device, visit, cap, lane, queue, routes, later, fall_back_s, waits, seq, state,
    attempt, maybe_sent, next_ms, expires_ms, heard_ms, received_ms, resolved_ms, decided_ms
)
VALUES (
    :id, :again_of, :message, :shopper, :device, :visit, '', :lane, :queue, :routes, '[]', 0, 0, :seq, 'pending', 0, 0,
    :now_ms, :expires_ms, :heard_ms, :received_ms, :resolved_ms, :now_ms
)

-- name: idempotency.find
SELECT fingerprint, status, answer FROM idempotency WHERE key = :key AND created_ms >= :since_ms

-- name: idempotency.prune
DELETE FROM idempotency WHERE created_ms < :since_ms AND (
    key = :key OR key IN (
        SELECT i.key FROM idempotency AS i WHERE i.created_ms < :since_ms
        ORDER BY i.created_ms LIMIT :most {skip_locked}
    )
)

-- name: idempotency.claim
INSERT INTO idempotency (key, fingerprint, status, answer, created_ms) VALUES (:key, :fingerprint, 0, '', :now_ms)
ON CONFLICT (key) DO NOTHING

-- name: idempotency.keep
UPDATE idempotency SET status = :status, answer = :answer WHERE key = :key

-- name: suppressions.page
SELECT channel, hash, shown, reason, source, at_ms FROM suppressions
WHERE (at_ms, channel, hash) > (:after_ms, :after_channel, :after_hash) ORDER BY at_ms, channel, hash LIMIT :most

-- name: suppressions.ways
-- Where a delivery went, or may yet go.
SELECT d.device, d.channel, d.routes FROM deliveries AS d INNER JOIN messages AS m ON m.id = d.message
WHERE d.id = :delivery AND (CAST(:source AS TEXT) IS NULL OR m.source = :source)

-- name: suppressions.find
SELECT channel, hash, shown, reason, source, at_ms FROM suppressions WHERE channel = :channel AND hash = :hash
