-- What is broken, since when, and who was told.
-- `id` derives from kind and subject: what comes again is the same row. `told_ms` is when hooks were told that it opened,
-- `over_ms` that it is over, `mailed_ms` when a mail told of it.
CREATE TABLE health_findings (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    subject_kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    store TEXT,
    severity TEXT NOT NULL,
    since_ms BIGINT NOT NULL,
    opened_ms BIGINT NOT NULL,
    cleared_ms BIGINT,
    explained_by TEXT,
    openings INTEGER NOT NULL,
    evidence TEXT NOT NULL,
    says TEXT NOT NULL,
    next_step TEXT NOT NULL,
    known_until_ms BIGINT,
    known_note TEXT NOT NULL,
    known_by TEXT NOT NULL,
    told_ms BIGINT,
    over_ms BIGINT,
    mailed_ms BIGINT
);

CREATE INDEX health_findings_open ON health_findings (opened_ms, id) WHERE cleared_ms IS NULL;
CREATE INDEX health_findings_over ON health_findings (cleared_ms, id) WHERE cleared_ms IS NOT NULL;

-- When a store's last mail went out; the empty id stands for the whole fleet.
CREATE TABLE health_mails (
    store TEXT PRIMARY KEY,
    mailed_ms BIGINT NOT NULL
);

-- What was learned of the fleet, so that a restart need not learn it again.
CREATE TABLE health_state (
    id TEXT PRIMARY KEY,
    at_ms BIGINT NOT NULL,
    payload {blob} NOT NULL
);

-- The median voltage of a fixture's battery on each day.
CREATE TABLE health_days (
    beacon TEXT NOT NULL,
    day_ms BIGINT NOT NULL,
    battery_mv DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (beacon, day_ms)
);

CREATE INDEX health_days_by_time ON health_days (day_ms);

-- Events tell of the fleet, too: what they tell, as JSON.
ALTER TABLE events ADD COLUMN detail TEXT;
