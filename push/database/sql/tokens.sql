-- name: tokens.new
INSERT INTO tokens (hash, scope, subject, created_ms, name, role, stores, expires_ms)
VALUES (:hash, :scope, :subject, :created_ms, :name, :role, :stores, :expires_ms)

-- name: tokens.known
SELECT hash FROM tokens WHERE hash = :hash

-- name: tokens.principal
SELECT scope, subject, role, stores, expires_ms, last_used_ms FROM tokens
WHERE hash = :hash AND (expires_ms IS NULL OR expires_ms > :now_ms)

-- name: tokens.used
UPDATE tokens SET last_used_ms = :at_ms WHERE hash = :hash AND (last_used_ms IS NULL OR last_used_ms < :at_ms)

-- name: tokens.list
SELECT
    scope, subject, created_ms, name, role, stores, expires_ms, last_used_ms, SUBSTR(hash, 1, :digits) AS fingerprint
FROM tokens WHERE scope <> 'device' ORDER BY created_ms, hash LIMIT :most

-- name: tokens.lock_admins
-- Held until the transaction ends: of two who delete the last two, one finds that it is the last.
SELECT hash FROM tokens
WHERE scope = 'operator' AND role = 'admin' AND stores = '' AND (expires_ms IS NULL OR expires_ms > :now_ms)
ORDER BY hash {for_update}

-- name: tokens.find
SELECT hash, scope, subject, created_ms, name, role, stores, expires_ms FROM tokens
WHERE scope <> 'device' AND SUBSTR(hash, 1, :digits) = :fingerprint

-- name: tokens.delete
DELETE FROM tokens WHERE hash = :hash

-- name: tokens.prune
DELETE FROM tokens WHERE expires_ms < :before_ms
