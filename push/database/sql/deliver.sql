-- name: outbox.message
INSERT INTO messages (id, decision, shopper, campaign, content, collapse_key, created_ms, expires_ms)
VALUES (:id, :decision, :shopper, :campaign, :content, :collapse_key, :created_ms, :expires_ms)

-- name: outbox.enqueue
INSERT INTO deliveries (
    id, message, device, visit, cap, channels, seq, state, attempt, maybe_sent, next_ms, lease_until_ms,
    expires_ms, heard_ms, received_ms, resolved_ms, decided_ms
)
VALUES (
    :id, :message, :device, :visit, :cap, :channels, :seq, 'pending', 0, 0, :next_ms, 0, :expires_ms, :heard_ms,
    :received_ms, :resolved_ms, :decided_ms
)

-- name: deliver.expire
-- Who was sending when the lease ran out may have handed it over.
UPDATE deliveries SET
    state = 'expired', reason = 'too late', ended_ms = :now_ms,
    maybe_sent = CASE WHEN state = 'sending' THEN 1 ELSE maybe_sent END
WHERE expires_ms <= :now_ms AND (state = 'pending' OR (state = 'sending' AND lease_until_ms <= :now_ms))
RETURNING id, cap, maybe_sent

-- name: deliver.claim
WITH due AS MATERIALIZED (
    SELECT id FROM deliveries
    WHERE (state = 'pending' AND next_ms <= :now_ms) OR (state = 'sending' AND lease_until_ms <= :now_ms)
    ORDER BY next_ms, seq, id LIMIT :most {skip_locked}
)
UPDATE deliveries SET
    state = 'sending', attempt = attempt + 1, lease_until_ms = :lease_until_ms,
    maybe_sent = CASE WHEN state = 'sending' THEN 1 ELSE maybe_sent END
WHERE id IN (SELECT id FROM due)
RETURNING id, message, device, channels, seq, attempt, expires_ms

-- name: deliver.outgoing
-- Whoever takes a delivery back while it is being sent lets it expire.
SELECT
    m.id, m.shopper, m.campaign, m.content, m.collapse_key, m.created_ms, m.expires_ms, v.subscription_sealed,
    CASE WHEN d.expires_ms < m.expires_ms THEN 1 ELSE 0 END AS taken_back
FROM deliveries AS d
    INNER JOIN messages AS m ON m.id = d.message
    INNER JOIN devices AS v ON v.id = d.device
WHERE d.id = :id

-- name: deliver.next_due
SELECT MIN(CASE WHEN state = 'pending' THEN next_ms ELSE lease_until_ms END) AS due_ms
FROM deliveries WHERE state IN ('pending', 'sending')

-- name: deliver.accepted
UPDATE deliveries SET
    state = 'accepted', channel = :channel, reason = NULL, seq = CASE WHEN :seq > seq THEN :seq ELSE seq END,
    handed_over_ms = :handed_over_ms, accepted_ms = :accepted_ms
WHERE id = :id AND state = 'sending' AND attempt = :attempt

-- name: deliver.note_hand_over
-- The delivery had moved on: a receipt was faster than the service's answer, or the answer came after the lease.
UPDATE deliveries SET
    channel = :channel, seq = CASE WHEN :seq > seq THEN :seq ELSE seq END, handed_over_ms = :handed_over_ms,
    accepted_ms = :accepted_ms
WHERE id = :id AND accepted_ms IS NULL AND state NOT IN ('pending', 'sending')

-- name: deliver.again
UPDATE deliveries SET
    state = 'pending', reason = :reason, next_ms = :next_ms,
    maybe_sent = CASE WHEN maybe_sent = 1 THEN 1 ELSE :maybe_sent END
WHERE id = :id AND state = 'sending' AND attempt = :attempt

-- name: deliver.wait
-- For the app to connect; one that connected since the attempt began has looked for what waits in vain.
UPDATE deliveries SET
    state = 'pending', reason = :reason,
    next_ms = CASE
        WHEN EXISTS (SELECT 1 FROM devices WHERE devices.id = deliveries.device AND devices.seen_ms >= :since_ms)
            THEN :now_ms
        ELSE expires_ms
    END
WHERE id = :id AND state = 'sending' AND attempt = :attempt

-- name: deliver.failed
UPDATE deliveries SET state = 'failed', reason = :reason, ended_ms = :ended_ms
WHERE id = :id AND state = 'sending' AND attempt = :attempt
RETURNING cap, maybe_sent

-- name: deliver.answer
-- In the answer to a phone's own report: in the app, and so only where she agreed to that.
UPDATE deliveries SET
    state = 'accepted', channel = 'inapp', attempt = attempt + 1, seq = CASE WHEN :seq > seq THEN :seq ELSE seq END,
    handed_over_ms = :now_ms, accepted_ms = :now_ms
WHERE id = :id AND device = :device AND state = 'pending' AND expires_ms > :now_ms AND channels LIKE '%inapp%'
RETURNING id, message

-- name: deliver.attempt
INSERT INTO attempts (delivery, attempt, channel, started_ms, ended_ms, outcome, status, reference)
VALUES (:delivery, :attempt, :channel, :started_ms, :ended_ms, :outcome, :status, :reference)
ON CONFLICT (delivery, attempt, channel) DO NOTHING

-- name: outbox.cancel_visit
-- What is being sent just now is not tried again: it expires unless it succeeds.
UPDATE deliveries SET
    state = CASE WHEN state = 'pending' THEN 'cancelled' ELSE state END,
    reason = CASE WHEN state = 'pending' THEN 'left the store' ELSE reason END,
    ended_ms = CASE WHEN state = 'pending' THEN :now_ms ELSE ended_ms END,
    expires_ms = CASE WHEN state = 'sending' AND expires_ms > :now_ms THEN :now_ms ELSE expires_ms END
WHERE state IN ('pending', 'sending') AND visit = :visit
RETURNING id, cap, CASE WHEN state = 'sending' THEN 1 ELSE maybe_sent END AS maybe_sent

-- name: outbox.cancel_shopper
-- What is being sent just now is not tried again: it expires unless it succeeds.
UPDATE deliveries SET
    state = CASE WHEN state = 'pending' THEN 'cancelled' ELSE state END,
    reason = CASE WHEN state = 'pending' THEN 'consent withdrawn' ELSE reason END,
    ended_ms = CASE WHEN state = 'pending' THEN :now_ms ELSE ended_ms END,
    expires_ms = CASE WHEN state = 'sending' AND expires_ms > :now_ms THEN :now_ms ELSE expires_ms END
WHERE state IN ('pending', 'sending') AND message IN (SELECT id FROM messages WHERE shopper = :shopper)
RETURNING id, cap, CASE WHEN state = 'sending' THEN 1 ELSE maybe_sent END AS maybe_sent

-- name: deliver.wake_device
UPDATE deliveries SET next_ms = :now_ms WHERE device = :device AND state = 'pending' AND next_ms > :now_ms

-- name: deliver.stream_since
SELECT d.id, d.seq, m.id AS message, m.content, m.expires_ms
FROM deliveries AS d INNER JOIN messages AS m ON m.id = d.message
WHERE d.device = :device AND d.seq > :after_seq AND d.seq <= :upto_seq AND d.channel = 'inapp'
    AND d.state IN ('accepted', 'shown') AND d.expires_ms > :now_ms
ORDER BY d.seq LIMIT :most

-- name: deliver.receipt
INSERT INTO receipts (delivery, kind, at_ms, received_ms) VALUES (:delivery, :kind, :at_ms, :received_ms)
ON CONFLICT (delivery, kind) DO NOTHING

-- name: deliver.shown
-- Whatever became of it here: if a person saw it, the trace says so.
UPDATE deliveries SET
    state = CASE WHEN state IN ('pending', 'sending', 'accepted') THEN 'shown' ELSE state END,
    shown_ms = CASE WHEN shown_ms < :at_ms THEN shown_ms ELSE :at_ms END
WHERE id = :delivery AND device = :device

-- name: deliver.opened
UPDATE deliveries SET
    state = CASE WHEN state IN ('pending', 'sending', 'accepted', 'shown') THEN 'opened' ELSE state END,
    shown_ms = CASE WHEN shown_ms < :at_ms THEN shown_ms ELSE :at_ms END,
    opened_ms = CASE WHEN opened_ms < :at_ms THEN opened_ms ELSE :at_ms END
WHERE id = :delivery AND device = :device

-- name: deliver.belongs
SELECT 1 AS yes FROM deliveries WHERE id = :delivery AND device = :device

-- name: deliver.trace
SELECT
    d.id, d.message, d.device, d.state, d.channel, d.reason, d.attempt, d.expires_ms, d.heard_ms, d.received_ms,
    d.resolved_ms, d.decided_ms, d.handed_over_ms, d.accepted_ms, d.shown_ms, d.opened_ms, d.ended_ms,
    d.visit, m.shopper, m.campaign, m.content, m.decision
FROM deliveries AS d INNER JOIN messages AS m ON m.id = d.message
WHERE d.id = :id

-- name: deliver.list
SELECT
    d.id, d.message, d.device, d.state, d.channel, d.reason, d.attempt, d.expires_ms, d.heard_ms, d.received_ms,
    d.resolved_ms, d.decided_ms, d.handed_over_ms, d.accepted_ms, d.shown_ms, d.opened_ms, d.ended_ms,
    d.visit, m.shopper, m.campaign
FROM deliveries AS d INNER JOIN messages AS m ON m.id = d.message
WHERE d.decided_ms >= :since_ms ORDER BY d.decided_ms, d.id LIMIT :most

-- name: deliver.attempts_of
SELECT attempt, channel, started_ms, ended_ms, outcome, status, reference FROM attempts
WHERE delivery = :delivery ORDER BY attempt, started_ms
