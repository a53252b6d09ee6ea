-- name: access.new_operator
INSERT INTO operators (
    id, login, name, role, stores, password_hash, must_change, totp_step, recovery, disabled, revision,
    changed_by, changed_ms, created_ms
) VALUES (
    :id, :login, :name, :role, :stores, :password_hash, :must_change, 0, '[]', 0, 1, :changed_by, :now_ms, :now_ms
)

-- name: access.operators
SELECT
    id, login, name, role, stores, must_change, totp_sealed IS NOT NULL AS totp, disabled, revision,
    changed_by, changed_ms, created_ms, seen_ms
FROM operators ORDER BY login LIMIT :most

-- name: access.operator
SELECT
    id, login, name, role, stores, must_change, totp_sealed IS NOT NULL AS totp, disabled, revision,
    changed_by, changed_ms, created_ms, seen_ms
FROM operators WHERE id = :id

-- name: access.operator_by_login
SELECT
    id, login, name, role, stores, must_change, totp_sealed IS NOT NULL AS totp, disabled, revision,
    changed_by, changed_ms, created_ms, seen_ms
FROM operators WHERE login = :login

-- name: access.lock_admins
-- Held until the transaction ends: of two who step down at once, one finds that she is the last.
SELECT id FROM operators WHERE role = 'admin' AND stores = '' AND disabled = 0 ORDER BY id {for_update}

-- name: access.change_operator
UPDATE operators SET
    name = :name, role = :role, stores = :stores, disabled = :disabled, revision = revision + 1,
    changed_by = :changed_by, changed_ms = :now_ms
WHERE id = :id AND revision = :revision

-- name: access.set_password
UPDATE operators SET
    password_hash = :password_hash, must_change = :must_change, revision = revision + 1,
    changed_by = :changed_by, changed_ms = :now_ms
WHERE id = :id

-- name: access.rehash
UPDATE operators SET password_hash = :password_hash WHERE id = :id AND password_hash = :before

-- name: access.proofs
-- What an operator can prove herself with; nothing of it leaves the room.
SELECT id, login, password_hash, totp_sealed, totp_new_sealed, totp_step, recovery, disabled FROM operators
WHERE login = :login

-- name: access.lock_proofs
SELECT id, login, password_hash, totp_sealed, totp_new_sealed, totp_step, recovery, disabled FROM operators
WHERE id = :id {for_update}

-- name: access.use_totp_step
UPDATE operators SET totp_step = :step WHERE id = :id AND totp_step < :step

-- name: access.keep_recovery
UPDATE operators SET recovery = :recovery WHERE id = :id

-- name: access.begin_totp
UPDATE operators SET totp_new_sealed = :sealed WHERE id = :id

-- name: access.confirm_totp
UPDATE operators SET
    totp_sealed = totp_new_sealed, totp_new_sealed = NULL, totp_step = :step, recovery = :recovery,
    revision = revision + 1, changed_by = :changed_by, changed_ms = :now_ms
WHERE id = :id AND totp_new_sealed IS NOT NULL

-- name: access.drop_totp
UPDATE operators SET
    totp_sealed = NULL, totp_new_sealed = NULL, recovery = '[]', revision = revision + 1,
    changed_by = :changed_by, changed_ms = :now_ms
WHERE id = :id

-- name: access.operator_seen
UPDATE operators SET seen_ms = :at_ms WHERE id = :id AND (seen_ms IS NULL OR seen_ms < :at_ms)

-- name: access.open_session
INSERT INTO sessions (hash, operator, created_ms, seen_ms, expires_ms, agent)
VALUES (:hash, :operator, :now_ms, :now_ms, :expires_ms, :agent)

-- name: access.session
SELECT
    s.hash, s.operator, s.created_ms, s.seen_ms, s.expires_ms, o.login, o.name, o.role, o.stores, o.must_change,
    o.totp_sealed IS NOT NULL AS totp, o.seen_ms AS operator_seen_ms
FROM sessions AS s INNER JOIN operators AS o ON o.id = s.operator
WHERE s.hash = :hash AND s.expires_ms > :now_ms AND s.seen_ms > :idle_since_ms AND o.disabled = 0

-- name: access.sessions_of
SELECT hash, created_ms, seen_ms, expires_ms, agent FROM sessions
WHERE operator = :operator ORDER BY created_ms DESC, hash

-- name: access.session_seen
UPDATE sessions SET seen_ms = :at_ms WHERE hash = :hash AND seen_ms < :at_ms

-- name: access.close_session
DELETE FROM sessions WHERE hash = :hash

-- name: access.close_sessions
-- All of an operator's but the one that is kept.
DELETE FROM sessions WHERE operator = :operator AND hash <> :but

-- name: access.drop_oldest_sessions
DELETE FROM sessions WHERE operator = :operator AND hash NOT IN (
    SELECT hash FROM sessions WHERE operator = :operator ORDER BY created_ms DESC, hash LIMIT :most
)

-- name: access.drop_ended_sessions
DELETE FROM sessions WHERE expires_ms <= :now_ms OR seen_ms <= :idle_since_ms

-- name: access.setup_open
SELECT id FROM setup WHERE id = 'first' AND done_ms IS NULL

-- name: access.end_setup
UPDATE setup SET done_ms = :now_ms WHERE id = 'first' AND done_ms IS NULL

-- name: access.new_setup_code
INSERT INTO setup_codes (hash, created_ms) VALUES (:hash, :now_ms) ON CONFLICT (hash) DO NOTHING

-- name: access.setup_code
SELECT hash FROM setup_codes WHERE hash = :hash

-- name: access.drop_setup_codes
DELETE FROM setup_codes
