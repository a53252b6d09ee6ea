-- Groups of people by a rule: who is in them, when who has to be looked at again, and who came and went.
-- `places`: the rule asks where people are.
CREATE TABLE segments (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    rule TEXT NOT NULL,
    places INTEGER NOT NULL,
    revision BIGINT NOT NULL DEFAULT 1,
    changed_by TEXT NOT NULL,
    changed_ms BIGINT NOT NULL
);

CREATE INDEX segments_of_places ON segments (id) WHERE places = 1;

-- Kept beside the members, so that nobody has to count a million of them.
CREATE TABLE segment_counts (
    segment TEXT PRIMARY KEY REFERENCES segments (id) ON DELETE CASCADE,
    members BIGINT NOT NULL
);

CREATE TABLE segment_members (
    segment TEXT NOT NULL REFERENCES segments (id) ON DELETE CASCADE,
    person TEXT NOT NULL REFERENCES shoppers (id) ON DELETE CASCADE,
    since_ms BIGINT NOT NULL,
    PRIMARY KEY (segment, person)
);

CREATE INDEX segment_members_by_person ON segment_members (person);

-- When time alone may change what a person is in. Its row is also what two who look at her at once wait for.
CREATE TABLE segment_people (
    person TEXT PRIMARY KEY REFERENCES shoppers (id) ON DELETE CASCADE,
    due_ms BIGINT
);

CREATE INDEX segment_people_by_due ON segment_people (due_ms) WHERE due_ms IS NOT NULL;

-- How far everybody was asked about a rule that is new.
CREATE TABLE segment_builds (
    segment TEXT PRIMARY KEY REFERENCES segments (id) ON DELETE CASCADE,
    begun_ms BIGINT NOT NULL,
    after_person TEXT NOT NULL,
    done BIGINT NOT NULL,
    total BIGINT NOT NULL
);

-- Who entered and left, numbered in the order in which it was committed.
CREATE TABLE segment_moves (
    seq BIGINT PRIMARY KEY,
    segment TEXT NOT NULL,
    person TEXT NOT NULL,
    kind TEXT NOT NULL,
    at_ms BIGINT NOT NULL
);

CREATE INDEX segment_moves_by_time ON segment_moves (at_ms);
CREATE INDEX segment_moves_by_person ON segment_moves (person);

-- `segments` numbers changes of rules: who asks them holds it, so that nobody asks one that is no more.
INSERT INTO counters (id, value) VALUES ('segments', 0);
INSERT INTO counters (id, value) VALUES ('segment_moves', 0);
