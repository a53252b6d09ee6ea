-- name: tokens.list
SELECT scope, subject, created_ms, SUBSTR(hash, 1, :digits) AS fingerprint FROM tokens
WHERE scope <> 'device' ORDER BY created_ms, hash LIMIT :most

-- name: tokens.lock_operators
-- Held until the transaction ends: of two who delete the last two, one finds that it is the last.
SELECT hash FROM tokens WHERE scope = 'operator' ORDER BY hash {for_update}

-- name: tokens.find
SELECT hash, scope, subject FROM tokens WHERE scope <> 'device' AND SUBSTR(hash, 1, :digits) = :fingerprint

-- name: tokens.delete
DELETE FROM tokens WHERE hash = :hash

-- name: tokens.used
UPDATE tokens SET last_used_ms = :at_ms WHERE hash = :hash AND (last_used_ms IS NULL OR last_used_ms < :at_ms)
