-- name: credentials.note
-- What attempts found: a reason where it was refused, none where it works. That there was none says nothing about one.
UPDATE credentials SET
    state = CASE WHEN CAST(:reason AS TEXT) IS NULL THEN 'good' ELSE 'refused' END, reason = :reason
WHERE channel = :channel AND app = :app
    AND CASE WHEN CAST(:reason AS TEXT) IS NULL THEN state <> 'good' ELSE :reason <> 'no_credential' END

-- name: credentials.all
SELECT channel, app, sealed, updated_ms FROM credentials ORDER BY channel, app

-- name: credentials.states
SELECT channel, app, summary, state, reason, expires_ms, warnings, checked_ms, updated_ms FROM credentials
ORDER BY channel, app

-- name: credentials.one
SELECT channel, app, sealed, state, reason, updated_ms FROM credentials
WHERE channel = :channel AND app = :app

-- name: credentials.put
-- Whoever looks for changes by `updated_ms` sees each: it grows with every one.
INSERT INTO credentials (
    channel, app, sealed, summary, state, reason, expires_ms, warnings, checked_ms, updated_ms
)
VALUES (:channel, :app, :sealed, :summary, :state, NULL, :expires_ms, :warnings, :checked_ms, :now_ms)
ON CONFLICT (channel, app) DO UPDATE SET
    sealed = excluded.sealed, summary = excluded.summary, state = excluded.state, reason = NULL,
    expires_ms = excluded.expires_ms, warnings = excluded.warnings, checked_ms = excluded.checked_ms,
    updated_ms = CASE
        WHEN excluded.updated_ms > credentials.updated_ms THEN excluded.updated_ms ELSE credentials.updated_ms + 1
    END

-- name: credentials.found_good
-- What a check found, unless the credential was changed meanwhile. Where the service says no end, the known one holds.
UPDATE credentials SET
    state = 'good', reason = NULL, summary = :summary, warnings = :warnings, checked_ms = :now_ms,
    expires_ms = COALESCE(CAST(:expires_ms AS BIGINT), expires_ms)
WHERE channel = :channel AND app = :app AND updated_ms = :updated_ms

-- name: credentials.found_refused
UPDATE credentials SET state = 'refused', reason = :reason, checked_ms = :now_ms
WHERE channel = :channel AND app = :app AND updated_ms = :updated_ms

-- name: credentials.delete
DELETE FROM credentials WHERE channel = :channel AND app = :app

-- name: credentials.hurry
-- What waits only because its app had no credential, or one that was refused, is due once there is another.
UPDATE deliveries SET next_ms = :now_ms
WHERE queue IS NOT NULL AND state = 'pending' AND next_ms > :now_ms AND next_ms < expires_ms
    AND SUBSTR(queue, 3, LENGTH(CAST(:gates AS TEXT))) = CAST(:gates AS TEXT)
    AND (reason = 'no_credential' OR reason = CAST(:reason AS TEXT))

-- name: screens.any
SELECT id FROM screens LIMIT 1

-- name: suppressions.put
INSERT INTO suppressions (channel, hash, shown, reason, source, at_ms)
VALUES (:channel, :hash, :shown, :reason, :source, :at_ms)
ON CONFLICT (channel, hash) DO NOTHING

-- name: suppressions.delete
DELETE FROM suppressions WHERE channel = :channel AND hash = :hash
