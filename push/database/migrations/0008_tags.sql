-- How tags come to people, and beacons to their keys.
-- The code printed on a card or fob, as a hash.
CREATE TABLE claim_codes (
    beacon TEXT PRIMARY KEY REFERENCES beacons (id) ON DELETE CASCADE,
    hash TEXT NOT NULL UNIQUE,
    made_ms BIGINT NOT NULL
);
