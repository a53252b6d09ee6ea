-- What was imported, and what it replaced.
-- An import that runs says so every few seconds in `touched_ms`; one that has fallen silent was interrupted.
CREATE TABLE imports (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    actor TEXT NOT NULL,
    dry_run INTEGER NOT NULL,
    state TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    touched_ms BIGINT NOT NULL,
    rows_read BIGINT NOT NULL DEFAULT 0,
    rows_checked BIGINT NOT NULL DEFAULT 0,
    rows_written BIGINT NOT NULL DEFAULT 0,
    count_new BIGINT NOT NULL DEFAULT 0,
    count_changed BIGINT NOT NULL DEFAULT 0,
    count_same BIGINT NOT NULL DEFAULT 0,
    error_count BIGINT NOT NULL DEFAULT 0,
    errors TEXT NOT NULL DEFAULT '[]'
);

CREATE INDEX imports_by_time ON imports (created_ms, id);

-- Beacons as an import writes them (`side` is after), and as they stood (before): what undoing it puts back.
-- `base` is the revision that it changes, 0 of one that is new; what `moves` says another static id than before.
CREATE TABLE import_beacons (
    import_id TEXT NOT NULL,
    side TEXT NOT NULL,
    id TEXT NOT NULL,
    base BIGINT NOT NULL,
    moves INTEGER NOT NULL DEFAULT 0,
    role TEXT NOT NULL,
    format TEXT NOT NULL,
    static_id TEXT,
    exponent INTEGER NOT NULL,
    counter_s BIGINT NOT NULL,
    counter_at_ms BIGINT NOT NULL,
    key_sealed {blob},
    store TEXT,
    zone TEXT,
    x_m DOUBLE PRECISION NOT NULL,
    y_m DOUBLE PRECISION NOT NULL,
    shopper TEXT,
    staff INTEGER NOT NULL,
    power_1m_dbm INTEGER NOT NULL,
    name TEXT NOT NULL,
    model TEXT NOT NULL,
    firmware TEXT NOT NULL,
    battery TEXT NOT NULL,
    group_id TEXT,
    labels TEXT NOT NULL,
    name_key TEXT NOT NULL,
    PRIMARY KEY (import_id, side, id)
);

-- Labels that an import adds (1) and takes away (-1).
CREATE TABLE import_labels (
    import_id TEXT NOT NULL,
    sign INTEGER NOT NULL,
    label TEXT NOT NULL,
    item TEXT NOT NULL,
    PRIMARY KEY (import_id, sign, label, item)
);
