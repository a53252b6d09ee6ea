-- How many offers apps show at once, and in which layout, by segment: one record, as JSON.
CREATE TABLE experiences (
    id TEXT PRIMARY KEY,
    said TEXT NOT NULL,
    revision BIGINT NOT NULL,
    changed_by TEXT NOT NULL,
    changed_ms BIGINT NOT NULL
);
