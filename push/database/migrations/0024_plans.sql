-- Walls of floors, as a JSON array of pairs of points in metres.
ALTER TABLE plans ADD COLUMN walls TEXT NOT NULL DEFAULT '[]';

-- By which rules people come and go in a store, or in one of its zones: what is not said holds as it does above it. The
-- empty zone is the store as a whole.
CREATE TABLE presence_rules (
    store TEXT NOT NULL REFERENCES stores (id),
    zone TEXT NOT NULL,
    rules TEXT NOT NULL,
    revision BIGINT NOT NULL DEFAULT 1,
    changed_by TEXT NOT NULL,
    changed_ms BIGINT NOT NULL,
    PRIMARY KEY (store, zone)
);
