-- Campaigns with versions, states and reviews; what was sent to whom, which caps count; what waits; what is stopped.
ALTER TABLE campaigns ADD COLUMN state TEXT NOT NULL DEFAULT 'live';
ALTER TABLE campaigns ADD COLUMN live_version BIGINT;
ALTER TABLE campaigns ADD COLUMN changed_by TEXT NOT NULL DEFAULT '';
ALTER TABLE campaigns ADD COLUMN reviewed_by TEXT;
UPDATE campaigns SET live_version = version;

CREATE TABLE campaign_versions (
    campaign TEXT NOT NULL,
    version BIGINT NOT NULL,
    definition TEXT NOT NULL,
    made_by TEXT NOT NULL,
    made_ms BIGINT NOT NULL,
    reviewed_by TEXT,
    reviewed_ms BIGINT,
    PRIMARY KEY (campaign, version)
);

INSERT INTO campaign_versions (campaign, version, definition, made_by, made_ms)
SELECT id, version, definition, '', updated_ms FROM campaigns;

-- One row for each message that a campaign sends, from its decision on; taken back where it surely never left.
CREATE TABLE touches (
    message TEXT PRIMARY KEY,
    shopper TEXT NOT NULL,
    campaign TEXT NOT NULL,
    tags TEXT NOT NULL,
    channel TEXT NOT NULL,
    store TEXT NOT NULL,
    visit TEXT NOT NULL,
    at_ms BIGINT NOT NULL
);

CREATE INDEX touches_by_shopper ON touches (shopper, at_ms);
CREATE INDEX touches_by_time ON touches (at_ms);

-- Campaigns that are asked again: when a wait is over, at the tills, when she comes next, as the next step.
CREATE TABLE waiting (
    id TEXT PRIMARY KEY,
    shopper TEXT NOT NULL,
    campaign TEXT NOT NULL,
    kind TEXT NOT NULL,
    store TEXT NOT NULL,
    due_ms BIGINT,
    until_ms BIGINT NOT NULL,
    occasion TEXT NOT NULL,
    made_ms BIGINT NOT NULL
);

CREATE INDEX waiting_due ON waiting (due_ms);
CREATE INDEX waiting_by_shopper ON waiting (shopper, kind);

-- Who may get a campaign, and who is kept from it to compare: from the first decision that she reached it at.
CREATE TABLE arms (
    campaign TEXT NOT NULL,
    shopper TEXT NOT NULL,
    arm TEXT NOT NULL,
    first_ms BIGINT NOT NULL,
    PRIMARY KEY (campaign, shopper)
);

CREATE INDEX arms_by_shopper ON arms (shopper);

-- What somebody silenced: everything, a store, or a campaign.
CREATE TABLE stops (
    id TEXT PRIMARY KEY,
    scope TEXT NOT NULL,
    why TEXT NOT NULL,
    stopped_by TEXT NOT NULL,
    stopped_ms BIGINT NOT NULL,
    ended_by TEXT,
    ended_ms BIGINT
);

CREATE INDEX stops_open ON stops (scope) WHERE ended_ms IS NULL;
