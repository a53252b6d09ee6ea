-- What people may ask for of what is kept of them, and what became of it.

-- The erasures that this database has carried out, by keyed hash of whom. The ledger beside the keys of months has them, too:
-- what only the ledger has is carried out again, as it is after a backup was restored.
CREATE TABLE erasures (
    id TEXT PRIMARY KEY,
    at_ms BIGINT NOT NULL
);

-- What people asked for. `person` is a facet of hers; it is empty once she is erased.
CREATE TABLE requests (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    person TEXT NOT NULL,
    state TEXT NOT NULL,
    opened_ms BIGINT NOT NULL,
    due_ms BIGINT NOT NULL,
    closed_ms BIGINT
);

CREATE INDEX requests_by_time ON requests (opened_ms, id);
CREATE INDEX requests_by_person ON requests (person);

-- Who did what about a request.
CREATE TABLE request_steps (
    id TEXT PRIMARY KEY,
    request TEXT NOT NULL REFERENCES requests (id) ON DELETE CASCADE,
    at_ms BIGINT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL
);

CREATE INDEX request_steps_by_request ON request_steps (request, at_ms);

-- What the job that keeps to retention removed of each kind of data, and the oldest that it left.
CREATE TABLE retention_runs (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    at_ms BIGINT NOT NULL,
    before_ms BIGINT NOT NULL,
    removed BIGINT NOT NULL,
    oldest_ms BIGINT
);

CREATE INDEX retention_runs_by_time ON retention_runs (at_ms, kind);

-- What is too old is found without looking at all that is not.
CREATE INDEX tracked_by_time ON tracked (at_ms);
CREATE INDEX visits_by_end ON visits (left_ms) WHERE left_ms IS NOT NULL;
CREATE INDEX decisions_by_time ON decisions (decided_ms);
CREATE INDEX messages_by_time ON messages (created_ms);

-- Sealed under the data key of whose it is; one from before is sealed at the next start, and leaves `nickname` empty.
ALTER TABLE nicknames ADD COLUMN sealed {blob};
