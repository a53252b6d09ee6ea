-- What changes of people, told to those hooks that ask for it.

-- Which identifier a hook knows people by, and of which segments and traits it is told; of all where there is none.
ALTER TABLE hooks ADD COLUMN identifier TEXT NOT NULL DEFAULT 'user_id';
ALTER TABLE hooks ADD COLUMN segments TEXT NOT NULL DEFAULT '[]';
ALTER TABLE hooks ADD COLUMN traits TEXT NOT NULL DEFAULT '[]';

-- Notes of changes, written with them by whoever makes them, and numbered among the events soon after: a change waits for
-- nobody, and nobody for it. `shopper` is a facet of hers, empty once she is erased; `sealed` is under its data key.
CREATE TABLE changes (
    id {serial} PRIMARY KEY,
    kind TEXT NOT NULL,
    shopper TEXT NOT NULL,
    detail TEXT,
    sealed {blob}
);

CREATE INDEX changes_by_shopper ON changes (shopper);

-- Who numbers notes holds this row, so that those about one person keep their order.
INSERT INTO counters (id, value) VALUES ('changes', 0);

ALTER TABLE events ADD COLUMN sealed {blob};

-- What a hook is yet to be told of somebody who is erased: the identifiers that its receiver knows her by, under a key of
-- their own, which is wrapped as people's keys are.
CREATE TABLE farewells (
    id TEXT PRIMARY KEY,
    hook TEXT NOT NULL REFERENCES hooks (id) ON DELETE CASCADE,
    month TEXT NOT NULL,
    wrapped {blob} NOT NULL,
    sealed {blob} NOT NULL,
    made_ms BIGINT NOT NULL
);

CREATE INDEX farewells_by_hook ON farewells (hook);
CREATE INDEX farewells_by_time ON farewells (made_ms);
CREATE INDEX farewells_by_month ON farewells (month, id);

-- What somebody was in as part of another person, until a cut: she did not enter it, and may have left it. An empty segment
-- says that she became part of somebody and nobody looked at that yet.
CREATE TABLE segment_parted (
    person TEXT NOT NULL REFERENCES shoppers (id) ON DELETE CASCADE,
    segment TEXT NOT NULL,
    since_ms BIGINT NOT NULL,
    PRIMARY KEY (person, segment)
);
