-- name: enrolment.put_code
INSERT INTO enrolment_codes (gateway, hash, made_ms, expires_ms) VALUES (:gateway, :hash, :made_ms, :expires_ms)
ON CONFLICT (gateway) DO UPDATE SET
    hash = excluded.hash, made_ms = excluded.made_ms, expires_ms = excluded.expires_ms

-- name: enrolment.code
SELECT c.gateway, c.hash, g.store FROM enrolment_codes AS c INNER JOIN gateways AS g ON g.id = c.gateway
WHERE c.hash = :hash AND c.expires_ms > :now_ms

-- name: enrolment.use_code
DELETE FROM enrolment_codes WHERE hash = :hash

-- name: enrolment.drop_code
DELETE FROM enrolment_codes WHERE gateway = :gateway

-- name: enrolment.put
INSERT INTO enrolments (gateway, state, at_ms, version, host, serial, certificate_expires_ms)
VALUES (:gateway, 'enrolled', :at_ms, :version, :host, :serial, :certificate_expires_ms)
ON CONFLICT (gateway) DO UPDATE SET
    state = excluded.state, at_ms = excluded.at_ms, version = excluded.version, host = excluded.host,
    serial = excluded.serial, certificate_expires_ms = excluded.certificate_expires_ms

-- name: enrolment.revoke
INSERT INTO enrolments (gateway, state, at_ms, version, host, serial, certificate_expires_ms)
VALUES (:gateway, 'revoked', :at_ms, '', '', NULL, NULL)
ON CONFLICT (gateway) DO UPDATE SET
    state = excluded.state, at_ms = excluded.at_ms, serial = NULL, certificate_expires_ms = NULL

-- name: enrolment.replace_secret
UPDATE gateways SET secret_sealed = :secret_sealed, previous_sealed = NULL WHERE id = :id

-- name: enrolment.revoked
SELECT gateway FROM enrolments WHERE state = 'revoked'

-- name: enrolment.state
SELECT
    g.id AS gateway, g.store, e.state, e.at_ms, e.version, e.host, e.serial, e.certificate_expires_ms,
    c.expires_ms AS code_expires_ms
FROM gateways AS g
LEFT JOIN enrolments AS e ON e.gateway = g.id
LEFT JOIN enrolment_codes AS c ON c.gateway = g.id AND c.expires_ms > :now_ms
WHERE g.id = :gateway AND g.store = :store

-- name: enrolment.new_certificate
INSERT INTO certificates (serial, gateway, issued_ms, expires_ms, revoked_ms)
VALUES (:serial, :gateway, :issued_ms, :expires_ms, NULL)

-- name: enrolment.revoke_certificates
UPDATE certificates SET revoked_ms = :now_ms WHERE gateway = :gateway AND revoked_ms IS NULL

-- name: enrolment.new_secret
INSERT INTO kept_secrets (id, sealed, updated_ms) VALUES (:id, :sealed, :now_ms) ON CONFLICT (id) DO NOTHING

-- name: enrolment.secret
SELECT sealed FROM kept_secrets WHERE id = :id
