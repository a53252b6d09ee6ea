-- How often what waits was tried; feeds of the world; whom an occasion of many people still has to reach; how far was
-- read of who entered and left segments, and to which day scheduled campaigns were told.
ALTER TABLE waiting ADD COLUMN tries BIGINT NOT NULL DEFAULT 0;

CREATE INDEX waiting_until ON waiting (until_ms);

CREATE TABLE feeds (
    feed TEXT NOT NULL,
    store TEXT NOT NULL,
    state TEXT NOT NULL,
    at_ms BIGINT NOT NULL,
    until_ms BIGINT NOT NULL,
    PRIMARY KEY (feed, store)
);

CREATE TABLE spreads (
    id TEXT PRIMARY KEY,
    campaign TEXT NOT NULL,
    segment TEXT NOT NULL,
    after_person TEXT NOT NULL,
    due_ms BIGINT NOT NULL,
    until_ms BIGINT NOT NULL,
    occasion TEXT NOT NULL,
    made_ms BIGINT NOT NULL,
    is_done INTEGER NOT NULL DEFAULT 0
);

CREATE INDEX spreads_open ON spreads (due_ms, id) WHERE is_done = 0;
CREATE INDEX spreads_until ON spreads (until_ms);

CREATE TABLE campaign_marks (
    id TEXT PRIMARY KEY,
    value BIGINT NOT NULL
);
