-- How gateways get their secrets and certificates.
-- A gateway has one code at a time; only its hash is kept.
CREATE TABLE enrolment_codes (
    gateway TEXT PRIMARY KEY REFERENCES gateways (id) ON DELETE CASCADE,
    hash TEXT NOT NULL UNIQUE,
    made_ms BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL
);

CREATE TABLE enrolments (
    gateway TEXT PRIMARY KEY REFERENCES gateways (id) ON DELETE CASCADE,
    state TEXT NOT NULL,
    at_ms BIGINT NOT NULL,
    version TEXT NOT NULL,
    host TEXT NOT NULL,
    serial TEXT,
    certificate_expires_ms BIGINT
);

-- Every certificate that our authority ever signed for a gateway, also for one that is gone.
CREATE TABLE certificates (
    serial TEXT PRIMARY KEY,
    gateway TEXT NOT NULL,
    issued_ms BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL,
    revoked_ms BIGINT
);

CREATE INDEX certificates_by_gateway ON certificates (gateway);

-- Secrets of the server itself that must outlive its master key: its authority, its registration key, its fingerprint key.
CREATE TABLE kept_secrets (
    id TEXT PRIMARY KEY,
    sealed {blob} NOT NULL,
    updated_ms BIGINT NOT NULL
);

-- What gateways are told beside their filter, by store, and for one gateway; JSON, and what is absent is inherited.
CREATE TABLE remote_settings (
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    settings TEXT NOT NULL,
    changed_ms BIGINT NOT NULL,
    PRIMARY KEY (kind, id)
);
