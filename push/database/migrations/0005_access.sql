-- Operators, their sessions, and what tokens may do.
-- `login` is unique as it is folded; `stores` is a JSON list of ids, or empty for every store; `recovery` is a JSON list
-- of hashes. `totp_new_sealed` is a secret that she has not confirmed yet, `totp_step` the last step whose code was taken.
CREATE TABLE operators (
    id TEXT PRIMARY KEY,
    login TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    stores TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    must_change INTEGER NOT NULL,
    totp_sealed {blob},
    totp_new_sealed {blob},
    totp_step BIGINT NOT NULL,
    recovery TEXT NOT NULL,
    disabled INTEGER NOT NULL,
    revision BIGINT NOT NULL,
    changed_by TEXT NOT NULL,
    changed_ms BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    seen_ms BIGINT
);

-- `hash` is of the token in the cookie. What proves that a page of ours is asking is derived from that token.
CREATE TABLE sessions (
    hash TEXT PRIMARY KEY,
    operator TEXT NOT NULL REFERENCES operators (id),
    created_ms BIGINT NOT NULL,
    seen_ms BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL,
    agent TEXT NOT NULL
);

CREATE INDEX sessions_by_operator ON sessions (operator, created_ms);
CREATE INDEX sessions_by_end ON sessions (expires_ms);

-- The first operator is made with a code that every replica may have written for whoever owns the machine.
CREATE TABLE setup_codes (
    hash TEXT PRIMARY KEY,
    created_ms BIGINT NOT NULL
);

CREATE TABLE setup (
    id TEXT PRIMARY KEY,
    done_ms BIGINT
);

INSERT INTO setup (id) VALUES ('first');

ALTER TABLE tokens ADD COLUMN name TEXT NOT NULL DEFAULT '';
ALTER TABLE tokens ADD COLUMN role TEXT NOT NULL DEFAULT 'admin';
ALTER TABLE tokens ADD COLUMN stores TEXT NOT NULL DEFAULT '';
ALTER TABLE tokens ADD COLUMN expires_ms BIGINT;
ALTER TABLE tokens ADD COLUMN last_used_ms BIGINT;
