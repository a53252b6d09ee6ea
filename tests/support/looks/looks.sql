-- name: deliver.list
SELECT
    d.id, d.message, d.device, d.state, d.channel, d.app, d.reason, d.dropped, d.attempt, d.lane, d.expires_ms,
    d.heard_ms, d.received_ms, d.resolved_ms, d.decided_ms, d.handed_over_ms, d.accepted_ms, d.shown_ms, d.opened_ms,
    d.ended_ms, d.visit, d.shopper, d.again_of, m.campaign, m.basis
FROM deliveries AS d INNER JOIN messages AS m ON m.id = d.message
WHERE d.decided_ms >= :since_ms ORDER BY d.decided_ms, d.id LIMIT :most

-- name: ingest.visits
SELECT id, store, shopper, entered_ms, left_ms, heard_ms, late FROM visits
WHERE entered_ms >= :since_ms ORDER BY entered_ms, id LIMIT :most

-- name: ingest.moments
SELECT id, kind, store, zone, shopper, visit, mark_s, at_ms, heard_ms, received_ms FROM moments
WHERE at_ms >= :since_ms ORDER BY at_ms, id LIMIT :most

-- name: campaigns.decisions
SELECT
    x.id, x.moment, x.shopper, x.store, x.campaign, x.receipt, x.sealed, x.decided_ms,
    k.shopper AS key_of, k.month AS key_month, k.wrapped AS key_wrapped
FROM decisions AS x LEFT JOIN person_keys AS k ON k.shopper = x.shopper
WHERE x.decided_ms >= :since_ms ORDER BY x.decided_ms, x.id LIMIT :most

-- name: touches.of_visit
SELECT COUNT(*) AS used FROM touches WHERE visit = :visit

-- name: keys.erase
DELETE FROM person_keys WHERE shopper = :shopper

-- name: registry.audit_trail
SELECT id, at_ms, actor, action, subject, store, before_json, after_json FROM audit ORDER BY at_ms DESC, id LIMIT :most

-- name: retention.runs
SELECT kind, at_ms, before_ms, removed, oldest_ms FROM retention_runs ORDER BY at_ms DESC, kind LIMIT :most
