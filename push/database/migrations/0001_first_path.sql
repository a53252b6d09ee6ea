-- Stores, places and transmitters. Secrets are sealed under the master key (AES-GCM).
CREATE TABLE stores (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    time_zone TEXT NOT NULL,
    allow_static_tags INTEGER NOT NULL
);

CREATE TABLE zones (
    store TEXT NOT NULL REFERENCES stores (id),
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    polygon_m TEXT NOT NULL,
    PRIMARY KEY (store, id)
);

CREATE TABLE gateways (
    id TEXT PRIMARY KEY,
    store TEXT NOT NULL REFERENCES stores (id),
    zone TEXT,
    x_m DOUBLE PRECISION NOT NULL,
    y_m DOUBLE PRECISION NOT NULL,
    z_m DOUBLE PRECISION NOT NULL,
    radio_offset_db DOUBLE PRECISION NOT NULL,
    secret_sealed {blob} NOT NULL,
    previous_sealed {blob},
    config_version BIGINT NOT NULL
);

CREATE TABLE beacons (
    id TEXT PRIMARY KEY,
    role TEXT NOT NULL,
    format TEXT NOT NULL,
    static_id TEXT UNIQUE,
    exponent INTEGER NOT NULL,
    counter_s BIGINT NOT NULL,
    counter_at_ms BIGINT NOT NULL,
    key_sealed {blob},
    store TEXT REFERENCES stores (id),
    zone TEXT,
    x_m DOUBLE PRECISION NOT NULL,
    y_m DOUBLE PRECISION NOT NULL,
    shopper TEXT,
    staff INTEGER NOT NULL,
    power_1m_dbm INTEGER NOT NULL
);

CREATE INDEX beacons_by_shopper ON beacons (shopper);

-- Who changed what in the registry.
CREATE TABLE audit (
    id TEXT PRIMARY KEY,
    at_ms BIGINT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL
);

-- People, what they agreed to, and what can receive.
CREATE TABLE shoppers (
    id TEXT PRIMARY KEY,
    traits TEXT NOT NULL,
    created_ms BIGINT NOT NULL
);

CREATE TABLE devices (
    id TEXT PRIMARY KEY,
    shopper TEXT NOT NULL REFERENCES shoppers (id),
    platform TEXT NOT NULL,
    locale TEXT NOT NULL,
    subscription_sealed {blob},
    next_seq BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    seen_ms BIGINT NOT NULL
);

CREATE INDEX devices_by_shopper ON devices (shopper);

CREATE TABLE consents (
    shopper TEXT NOT NULL REFERENCES shoppers (id),
    purpose TEXT NOT NULL,
    granted INTEGER NOT NULL,
    at_ms BIGINT NOT NULL,
    source TEXT NOT NULL,
    PRIMARY KEY (shopper, purpose)
);

CREATE TABLE consent_history (
    id TEXT PRIMARY KEY,
    shopper TEXT NOT NULL,
    purpose TEXT NOT NULL,
    granted INTEGER NOT NULL,
    at_ms BIGINT NOT NULL,
    source TEXT NOT NULL
);

CREATE TABLE tokens (
    hash TEXT PRIMARY KEY,
    scope TEXT NOT NULL,
    subject TEXT NOT NULL,
    created_ms BIGINT NOT NULL
);

-- What arrived: marks, journal, checkpoint, aggregates.
CREATE TABLE gateway_marks (
    gateway TEXT NOT NULL,
    boot TEXT NOT NULL,
    applied TEXT NOT NULL,
    updated_ms BIGINT NOT NULL,
    PRIMARY KEY (gateway, boot)
);

CREATE TABLE gateway_status (
    gateway TEXT PRIMARY KEY,
    state TEXT NOT NULL,
    status TEXT NOT NULL,
    received_ms BIGINT NOT NULL
);

CREATE TABLE journal (
    seq BIGINT PRIMARY KEY,
    at_ms BIGINT NOT NULL,
    payload {blob} NOT NULL
);

CREATE TABLE checkpoints (
    id TEXT PRIMARY KEY,
    journal_seq BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    payload {blob} NOT NULL
);

CREATE TABLE minutes (
    store TEXT NOT NULL,
    gateway TEXT NOT NULL,
    minute_ms BIGINT NOT NULL,
    batches BIGINT NOT NULL,
    sightings BIGINT NOT NULL,
    resolved BIGINT NOT NULL,
    unsynchronised BIGINT NOT NULL,
    PRIMARY KEY (store, gateway, minute_ms)
);

-- What happened, and what was decided.
CREATE TABLE visits (
    id TEXT PRIMARY KEY,
    store TEXT NOT NULL,
    shopper TEXT NOT NULL,
    entered_ms BIGINT NOT NULL,
    left_ms BIGINT,
    heard_ms BIGINT NOT NULL,
    late INTEGER NOT NULL
);

CREATE INDEX visits_by_shopper ON visits (shopper, entered_ms);

CREATE TABLE stays (
    id TEXT PRIMARY KEY,
    visit TEXT NOT NULL,
    store TEXT NOT NULL,
    zone TEXT NOT NULL,
    entered_ms BIGINT NOT NULL,
    left_ms BIGINT
);

CREATE INDEX stays_by_visit ON stays (visit);

CREATE TABLE moments (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    store TEXT NOT NULL,
    zone TEXT,
    shopper TEXT NOT NULL,
    visit TEXT NOT NULL,
    mark_s BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    heard_ms BIGINT NOT NULL,
    received_ms BIGINT NOT NULL
);

CREATE INDEX moments_by_visit ON moments (visit);

CREATE TABLE campaigns (
    id TEXT PRIMARY KEY,
    version BIGINT NOT NULL,
    definition TEXT NOT NULL,
    updated_ms BIGINT NOT NULL
);

CREATE TABLE decisions (
    id TEXT PRIMARY KEY,
    moment TEXT NOT NULL UNIQUE,
    shopper TEXT NOT NULL,
    store TEXT NOT NULL,
    campaign TEXT,
    receipt TEXT NOT NULL,
    decided_ms BIGINT NOT NULL
);

CREATE INDEX decisions_by_shopper ON decisions (shopper, decided_ms);

CREATE TABLE caps (
    id TEXT PRIMARY KEY,
    used INTEGER NOT NULL,
    updated_ms BIGINT NOT NULL
);

-- The outbox: one delivery is one message on its way to one device.
CREATE TABLE messages (
    id TEXT PRIMARY KEY,
    decision TEXT NOT NULL UNIQUE,
    shopper TEXT NOT NULL,
    campaign TEXT NOT NULL,
    content TEXT NOT NULL,
    collapse_key TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL
);

CREATE TABLE deliveries (
    id TEXT PRIMARY KEY,
    message TEXT NOT NULL REFERENCES messages (id),
    device TEXT NOT NULL,
    visit TEXT NOT NULL,
    cap TEXT NOT NULL,
    channels TEXT NOT NULL,
    seq BIGINT NOT NULL,
    state TEXT NOT NULL,
    channel TEXT,
    reason TEXT,
    attempt INTEGER NOT NULL,
    maybe_sent INTEGER NOT NULL,
    next_ms BIGINT NOT NULL,
    lease_until_ms BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL,
    heard_ms BIGINT NOT NULL,
    received_ms BIGINT NOT NULL,
    resolved_ms BIGINT NOT NULL,
    decided_ms BIGINT NOT NULL,
    handed_over_ms BIGINT,
    accepted_ms BIGINT,
    shown_ms BIGINT,
    opened_ms BIGINT,
    ended_ms BIGINT
);

CREATE INDEX deliveries_due ON deliveries (state, next_ms);
CREATE INDEX deliveries_by_device ON deliveries (device, seq);
CREATE INDEX deliveries_by_visit ON deliveries (visit, state);

CREATE TABLE attempts (
    delivery TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    channel TEXT NOT NULL,
    started_ms BIGINT NOT NULL,
    ended_ms BIGINT NOT NULL,
    outcome TEXT NOT NULL,
    status INTEGER,
    reference TEXT,
    PRIMARY KEY (delivery, attempt, channel)
);

CREATE TABLE receipts (
    delivery TEXT NOT NULL,
    kind TEXT NOT NULL,
    at_ms BIGINT NOT NULL,
    received_ms BIGINT NOT NULL,
    PRIMARY KEY (delivery, kind)
);
