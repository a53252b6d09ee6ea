-- What the job that keeps to retention removes: statements retention.<kind>_expired name what is due, retention.<kind>_remove
-- removes it by id, retention.<kind>_oldest says when the oldest that is left is from.

-- name: retention.note
INSERT INTO retention_runs (id, kind, at_ms, before_ms, removed, oldest_ms)
VALUES (:id, :kind, :at_ms, :before_ms, :removed, :oldest_ms)

-- name: retention.prune_runs
DELETE FROM retention_runs WHERE at_ms < :before_ms

-- name: retention.tracked_expired
SELECT id FROM tracked WHERE at_ms < :before_ms LIMIT :most

-- name: retention.tracked_oldest
SELECT MIN(at_ms) AS oldest_ms FROM tracked

-- name: retention.tracked_remove_tracked
DELETE FROM tracked WHERE id IN (SELECT value FROM {json_each}(:ids{as_json}))

-- name: retention.visits_expired
SELECT id FROM visits WHERE left_ms IS NOT NULL AND left_ms < :before_ms LIMIT :most

-- name: retention.visits_oldest
SELECT MIN(left_ms) AS oldest_ms FROM visits WHERE left_ms IS NOT NULL

-- name: retention.visits_remove_stays
DELETE FROM stays WHERE visit IN (SELECT value FROM {json_each}(:ids{as_json}))

-- name: retention.visits_remove_moments
DELETE FROM moments WHERE visit IN (SELECT value FROM {json_each}(:ids{as_json}))

-- name: retention.visits_remove_caps
DELETE FROM caps WHERE id IN (SELECT 'visit:' || value FROM {json_each}(:ids{as_json}))

-- name: retention.visits_remove_visits
DELETE FROM visits WHERE id IN (SELECT value FROM {json_each}(:ids{as_json}))

-- name: retention.decisions_expired
SELECT id FROM decisions WHERE decided_ms < :before_ms LIMIT :most

-- name: retention.decisions_oldest
SELECT MIN(decided_ms) AS oldest_ms FROM decisions

-- name: retention.decisions_remove_decisions
DELETE FROM decisions WHERE id IN (SELECT value FROM {json_each}(:ids{as_json}))

-- name: retention.messages_expired
-- What waits or may yet fall back is not over, however old it is.
SELECT m.id FROM messages AS m
WHERE m.created_ms < :before_ms AND m.expires_ms < :before_ms AND NOT EXISTS (
    SELECT 1 FROM deliveries AS d
    WHERE d.message = m.id AND (d.queue IS NOT NULL OR d.fall_back_ms IS NOT NULL OR d.state IN ('pending', 'sending'))
)
LIMIT :most

-- name: retention.messages_oldest
SELECT MIN(created_ms) AS oldest_ms FROM messages

-- name: retention.messages_remove_receipts
DELETE FROM receipts WHERE delivery IN (
    SELECT id FROM deliveries WHERE message IN (SELECT value FROM {json_each}(:ids{as_json}))
)

-- name: retention.messages_remove_attempts
DELETE FROM attempts WHERE delivery IN (
    SELECT id FROM deliveries WHERE message IN (SELECT value FROM {json_each}(:ids{as_json}))
)

-- name: retention.messages_remove_deliveries
DELETE FROM deliveries WHERE message IN (SELECT value FROM {json_each}(:ids{as_json}))

-- name: retention.messages_remove_messages
DELETE FROM messages WHERE id IN (SELECT value FROM {json_each}(:ids{as_json}))

-- name: retention.touches_expired
SELECT message AS id FROM touches WHERE at_ms < :before_ms LIMIT :most

-- name: retention.touches_oldest
SELECT MIN(at_ms) AS oldest_ms FROM touches

-- name: retention.touches_remove_touches
DELETE FROM touches WHERE message IN (SELECT value FROM {json_each}(:ids{as_json}))

-- name: retention.coupons_expired
SELECT id FROM coupons WHERE expires_ms < :before_ms LIMIT :most

-- name: retention.coupons_oldest
SELECT MIN(taken_ms) AS oldest_ms FROM coupons

-- name: retention.coupons_remove_coupons
DELETE FROM coupons WHERE id IN (SELECT value FROM {json_each}(:ids{as_json}))

-- name: retention.happenings_expired
-- Without what tells hooks that somebody is erased: it names nobody, and goes when they were told.
SELECT CAST(seq AS TEXT) AS id FROM events WHERE at_ms < :before_ms AND kind <> 'profile.erased'
ORDER BY at_ms LIMIT :most

-- name: retention.happenings_oldest
SELECT MIN(at_ms) AS oldest_ms FROM events WHERE kind <> 'profile.erased'

-- name: retention.happenings_remove_events
DELETE FROM events WHERE seq IN (SELECT CAST(value AS BIGINT) FROM {json_each}(:ids{as_json}))

-- name: retention.audit_expired
SELECT id FROM audit WHERE at_ms < :before_ms LIMIT :most

-- name: retention.audit_oldest
SELECT MIN(at_ms) AS oldest_ms FROM audit

-- name: retention.audit_remove_audit
DELETE FROM audit WHERE id IN (SELECT value FROM {json_each}(:ids{as_json}))

-- name: retention.checks_expired
-- Day by day, the oldest first: of one that is over, whose looks are next.
SELECT shopper AS id FROM checks
WHERE day = (SELECT MIN(day) FROM checks) AND (day + 1) * 86400000 <= :before_ms
GROUP BY shopper ORDER BY shopper LIMIT :most

-- name: retention.checks_remove_checks
DELETE FROM checks
WHERE day = (SELECT MIN(day) FROM checks) AND shopper IN (SELECT value FROM {json_each}(:ids{as_json}))

-- name: retention.checks_oldest
SELECT MIN(day) * 86400000 AS oldest_ms FROM checks

-- name: retention.requests_expired
SELECT id FROM requests WHERE closed_ms IS NOT NULL AND closed_ms < :before_ms LIMIT :most

-- name: retention.requests_oldest
SELECT MIN(closed_ms) AS oldest_ms FROM requests

-- name: retention.requests_remove_requests
DELETE FROM requests WHERE id IN (SELECT value FROM {json_each}(:ids{as_json}))

-- name: retention.floor_minutes_expired
-- The oldest minutes, of all stores together about so many rows.
SELECT DISTINCT CAST(minute_ms AS TEXT) AS id FROM floor_minutes
WHERE minute_ms < :before_ms AND minute_ms <= COALESCE(
    (SELECT o.minute_ms FROM floor_minutes AS o WHERE o.minute_ms < :before_ms ORDER BY o.minute_ms LIMIT 1 OFFSET :most),
    :before_ms
)

-- name: retention.floor_minutes_oldest
SELECT MIN(minute_ms) AS oldest_ms FROM floor_minutes

-- name: retention.floor_minutes_remove_floor_minutes
DELETE FROM floor_minutes WHERE minute_ms IN (SELECT CAST(value AS BIGINT) FROM {json_each}(:ids{as_json}))

-- name: retention.zone_minutes_expired
-- The oldest minutes, of all stores together about so many rows.
SELECT DISTINCT CAST(minute_ms AS TEXT) AS id FROM zone_minutes
WHERE minute_ms < :before_ms AND minute_ms <= COALESCE(
    (SELECT o.minute_ms FROM zone_minutes AS o WHERE o.minute_ms < :before_ms ORDER BY o.minute_ms LIMIT 1 OFFSET :most),
    :before_ms
)

-- name: retention.zone_minutes_oldest
SELECT MIN(minute_ms) AS oldest_ms FROM zone_minutes

-- name: retention.zone_minutes_remove_zone_minutes
DELETE FROM zone_minutes WHERE minute_ms IN (SELECT CAST(value AS BIGINT) FROM {json_each}(:ids{as_json}))
