-- name: credentials.note
-- What attempts found: a reason where it was refused, none where it works.
UPDATE credentials SET
    state = CASE WHEN CAST(:reason AS TEXT) IS NULL THEN 'good' ELSE 'refused' END, reason = :reason
WHERE channel = :channel AND app = :app AND (CAST(:reason AS TEXT) IS NOT NULL OR state = 'refused')

-- name: credentials.all
SELECT channel, app, sealed, summary, state, reason, expires_ms, checked_ms, updated_ms FROM credentials
ORDER BY channel, app

-- name: credentials.put
INSERT INTO credentials (channel, app, sealed, summary, state, reason, expires_ms, checked_ms, updated_ms)
VALUES (:channel, :app, :sealed, :summary, 'good', NULL, :expires_ms, :now_ms, :now_ms)
ON CONFLICT (channel, app) DO UPDATE SET
    sealed = excluded.sealed, summary = excluded.summary, state = 'good', reason = NULL,
    expires_ms = excluded.expires_ms, checked_ms = excluded.checked_ms, updated_ms = excluded.updated_ms

-- name: credentials.checked
UPDATE credentials SET state = :state, reason = :reason, expires_ms = :expires_ms, checked_ms = :now_ms
WHERE channel = :channel AND app = :app

-- name: credentials.delete
DELETE FROM credentials WHERE channel = :channel AND app = :app

-- name: suppressions.put
INSERT INTO suppressions (channel, hash, shown, reason, source, at_ms)
VALUES (:channel, :hash, :shown, :reason, :source, :at_ms)
ON CONFLICT (channel, hash) DO NOTHING

-- name: suppressions.delete
DELETE FROM suppressions WHERE channel = :channel AND hash = :hash

-- name: suppressions.list
SELECT channel, hash, shown, reason, source, at_ms FROM suppressions
WHERE at_ms >= :since_ms ORDER BY at_ms, channel, hash LIMIT :most
