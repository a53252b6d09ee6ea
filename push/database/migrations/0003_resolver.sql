-- What the resolver of rotating ids learned of beacons' clocks; `zero_ms` is when the counter read 0 as it was registered:
-- under another registration the row means nothing.
CREATE TABLE beacon_clocks (
    beacon TEXT PRIMARY KEY REFERENCES beacons (id) ON DELETE CASCADE,
    zero_ms BIGINT NOT NULL,
    moved_ms BIGINT NOT NULL,
    ahead_ms BIGINT NOT NULL
);
