-- A message may come from anybody, not from a decision alone; a delivery stands in a queue and has routes.
CREATE TABLE messages_2 (
    id TEXT PRIMARY KEY,
    decision TEXT UNIQUE,
    shopper TEXT NOT NULL,
    campaign TEXT NOT NULL,
    basis TEXT NOT NULL,
    source TEXT NOT NULL,
    content TEXT NOT NULL,
    urgency TEXT NOT NULL,
    collapse_key TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL
);

INSERT INTO messages_2 (
    id, decision, shopper, campaign, basis, source, content, urgency, collapse_key, created_ms, expires_ms
)
SELECT
    id, decision, shopper, campaign, 'marketing', 'decision', content, 'high', collapse_key, created_ms, expires_ms
FROM messages;

-- `queue` names lane, channel, app and service of the route in turn, and is NULL once nothing is to be sent any more.
-- `again_of` is the dead letter that it was sent in place of.
-- `next_ms` is when it is due: to be claimed, or, while it is being sent, to be claimed again because its sender died.
CREATE TABLE deliveries_2 (
    id TEXT PRIMARY KEY,
    message TEXT NOT NULL REFERENCES messages_2 (id),
    shopper TEXT NOT NULL,
    device TEXT NOT NULL,
    visit TEXT NOT NULL,
    cap TEXT NOT NULL,
    lane INTEGER NOT NULL,
    queue TEXT,
    routes TEXT NOT NULL,
    later TEXT NOT NULL,
    fall_back_s BIGINT NOT NULL,
    fall_back_ms BIGINT,
    waits INTEGER NOT NULL,
    seq BIGINT NOT NULL,
    state TEXT NOT NULL,
    channel TEXT,
    app TEXT,
    reason TEXT,
    dropped TEXT,
    attempt INTEGER NOT NULL,
    maybe_sent INTEGER NOT NULL,
    next_ms BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL,
    heard_ms BIGINT,
    received_ms BIGINT,
    resolved_ms BIGINT,
    decided_ms BIGINT NOT NULL,
    handed_over_ms BIGINT,
    accepted_ms BIGINT,
    shown_ms BIGINT,
    opened_ms BIGINT,
    ended_ms BIGINT,
    again_of TEXT
);

INSERT INTO deliveries_2 (
    id, message, shopper, device, visit, cap, lane, queue, routes, later, fall_back_s, waits, seq, state, channel, app,
    reason, attempt, maybe_sent, next_ms, expires_ms, heard_ms, received_ms, resolved_ms, decided_ms, handed_over_ms,
    accepted_ms, shown_ms, opened_ms, ended_ms
)
SELECT
    d.id, d.message, m.shopper, d.device, d.visit, d.cap, 0,
    CASE
        WHEN d.state NOT IN ('pending', 'sending') THEN NULL
        WHEN d.channels LIKE 'inapp%' THEN '0/inapp/default/' ELSE '0/webpush/default/'
    END,
    '[["' || d.device || '","' || replace(d.channels, ',', '"],["' || d.device || '","') || '"]]',
    '[]', 0, CASE WHEN d.state = 'pending' AND d.next_ms >= d.expires_ms THEN 1 ELSE 0 END, d.seq, d.state, d.channel,
    CASE WHEN d.channel IS NULL THEN NULL ELSE 'default' END, d.reason, d.attempt, d.maybe_sent,
    CASE WHEN d.state = 'sending' THEN d.lease_until_ms ELSE d.next_ms END, d.expires_ms, d.heard_ms, d.received_ms,
    d.resolved_ms, d.decided_ms, d.handed_over_ms, d.accepted_ms, d.shown_ms, d.opened_ms, d.ended_ms
FROM deliveries AS d INNER JOIN messages AS m ON m.id = d.message;

DROP TABLE deliveries;
DROP TABLE messages;
ALTER TABLE messages_2 RENAME TO messages;
ALTER TABLE deliveries_2 RENAME TO deliveries;

CREATE INDEX deliveries_queued ON deliveries (queue, next_ms, seq) WHERE queue IS NOT NULL;
CREATE INDEX deliveries_expiring ON deliveries (expires_ms) WHERE queue IS NOT NULL;
CREATE INDEX deliveries_falling_back ON deliveries (fall_back_ms) WHERE fall_back_ms IS NOT NULL;
CREATE INDEX deliveries_by_message ON deliveries (message);
CREATE INDEX deliveries_by_shopper ON deliveries (shopper, decided_ms);
-- After the one before: of two that fit, SQLite takes the younger, and few deliveries of a person wait.
CREATE INDEX deliveries_waiting_by_shopper ON deliveries (shopper) WHERE queue IS NOT NULL;
CREATE INDEX deliveries_streamed ON deliveries (device, seq) WHERE channel = 'inapp';
CREATE INDEX deliveries_by_visit ON deliveries (visit, state);
CREATE INDEX deliveries_by_time ON deliveries (decided_ms, id);
CREATE INDEX deliveries_failed ON deliveries (ended_ms, id) WHERE state = 'failed';

-- An attempt may try several devices.
CREATE TABLE attempts_2 (
    delivery TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    device TEXT NOT NULL,
    channel TEXT NOT NULL,
    app TEXT NOT NULL,
    started_ms BIGINT NOT NULL,
    ended_ms BIGINT NOT NULL,
    outcome TEXT NOT NULL,
    status INTEGER,
    reference TEXT,
    PRIMARY KEY (delivery, attempt, device, channel)
);

INSERT INTO attempts_2 (
    delivery, attempt, device, channel, app, started_ms, ended_ms, outcome, status, reference
)
SELECT a.delivery, a.attempt, d.device, a.channel, 'default', a.started_ms, a.ended_ms, a.outcome, a.status, a.reference
FROM attempts AS a INNER JOIN deliveries AS d ON d.id = a.delivery;

DROP TABLE attempts;
ALTER TABLE attempts_2 RENAME TO attempts;

-- Where channels reach devices. `hash` (keyed) finds an address that nobody can read; `service` is whose servers take it.
CREATE TABLE addresses (
    device TEXT NOT NULL REFERENCES devices (id),
    channel TEXT NOT NULL,
    app TEXT NOT NULL,
    service TEXT NOT NULL,
    sealed {blob} NOT NULL,
    hash TEXT NOT NULL,
    registered_ms BIGINT NOT NULL,
    PRIMARY KEY (device, channel)
);

CREATE INDEX addresses_by_hash ON addresses (hash);

INSERT INTO addresses (device, channel, app, service, sealed, hash, registered_ms)
SELECT id, 'webpush', 'default', '', subscription_sealed, '', seen_ms FROM devices WHERE subscription_sealed IS NOT NULL;

ALTER TABLE devices DROP COLUMN subscription_sealed;
ALTER TABLE devices DROP COLUMN next_seq;

-- Who we are to a channel's service, for each app.
CREATE TABLE credentials (
    channel TEXT NOT NULL,
    app TEXT NOT NULL,
    sealed {blob} NOT NULL,
    summary TEXT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT,
    expires_ms BIGINT,
    warnings TEXT NOT NULL,
    checked_ms BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL,
    PRIMARY KEY (channel, app)
);

-- Addresses that get nothing any more, whoever asks: they bounced, complained, or were put here by hand.
CREATE TABLE suppressions (
    channel TEXT NOT NULL,
    hash TEXT NOT NULL,
    shown TEXT NOT NULL,
    reason TEXT NOT NULL,
    source TEXT NOT NULL,
    at_ms BIGINT NOT NULL,
    PRIMARY KEY (channel, hash)
);

CREATE INDEX suppressions_by_time ON suppressions (at_ms, channel, hash);

CREATE TABLE snoozes (
    shopper TEXT PRIMARY KEY,
    until_ms BIGINT NOT NULL,
    at_ms BIGINT NOT NULL
);

-- Answers to calls that may be repeated.
CREATE TABLE idempotency (
    key TEXT PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    status INTEGER NOT NULL,
    answer TEXT NOT NULL,
    created_ms BIGINT NOT NULL
);

CREATE INDEX idempotency_by_time ON idempotency (created_ms);

-- What happened to messages, numbered in the order in which it was committed; and who is told of it.
CREATE TABLE counters (
    id TEXT PRIMARY KEY,
    value BIGINT NOT NULL
);

INSERT INTO counters (id, value) VALUES ('events', 0);

CREATE TABLE events (
    seq BIGINT PRIMARY KEY,
    at_ms BIGINT NOT NULL,
    kind TEXT NOT NULL,
    message TEXT NOT NULL,
    delivery TEXT NOT NULL,
    shopper TEXT NOT NULL,
    channel TEXT,
    reason TEXT
);

CREATE INDEX events_by_time ON events (at_ms);

-- `next_seq` is the event that a hook gets next. `next_ms` is when it is due, or, while somebody posts to it, when it may be
-- taken over because whoever posted died.
CREATE TABLE hooks (
    id TEXT PRIMARY KEY,
    sealed {blob} NOT NULL,
    shown TEXT NOT NULL,
    kinds TEXT NOT NULL,
    next_seq BIGINT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT,
    failures INTEGER NOT NULL,
    failing_since_ms BIGINT,
    next_ms BIGINT NOT NULL,
    created_ms BIGINT NOT NULL
);

-- Screens in stores, and what a person lets them say.
CREATE TABLE screens (
    id TEXT PRIMARY KEY,
    store TEXT NOT NULL REFERENCES stores (id),
    zone TEXT NOT NULL,
    name TEXT NOT NULL,
    offer TEXT,
    created_ms BIGINT NOT NULL
);

CREATE INDEX screens_by_store ON screens (store);

CREATE TABLE store_offers (
    store TEXT PRIMARY KEY REFERENCES stores (id),
    offer TEXT NOT NULL
);

CREATE TABLE nicknames (
    shopper TEXT PRIMARY KEY,
    nickname TEXT NOT NULL,
    at_ms BIGINT NOT NULL
);
