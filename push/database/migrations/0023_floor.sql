-- Where people are, minute by minute, for stores' floors: never who. Of each minute what came to lie in each cell of the
-- store's grid, row by row from the upper left corner of its plan: tenths of seconds that people were there (32 bits) and
-- visits that reached it for the first time (16 bits), little-endian, deflated (RFC 1950).
CREATE TABLE floor_minutes (
    store TEXT NOT NULL,
    minute_ms BIGINT NOT NULL,
    grid_rows INTEGER NOT NULL,
    grid_columns INTEGER NOT NULL,
    cell_w_m DOUBLE PRECISION NOT NULL,
    cell_h_m DOUBLE PRECISION NOT NULL,
    person_ds {blob} NOT NULL,
    reached {blob} NOT NULL,
    PRIMARY KEY (store, minute_ms)
);

CREATE INDEX floor_minutes_by_age ON floor_minutes (minute_ms, store);

-- The same for zones, also where a store has no plan.
CREATE TABLE zone_minutes (
    store TEXT NOT NULL,
    zone TEXT NOT NULL,
    minute_ms BIGINT NOT NULL,
    person_s DOUBLE PRECISION NOT NULL,
    entered BIGINT NOT NULL,
    PRIMARY KEY (store, zone, minute_ms)
);

CREATE INDEX zone_minutes_by_age ON zone_minutes (minute_ms, store);
