-- Uploaded files lie sealed on disk, each under a key of its own; the key goes when the import ends.
ALTER TABLE people_imports ADD COLUMN file_sealed {blob};

-- Whose word from before her erasure is not taken any more, by a keyed hash of each identifier of hers; for a month.
CREATE TABLE erased_lately (
    id TEXT PRIMARY KEY,
    at_ms BIGINT NOT NULL
);

CREATE INDEX erased_lately_by_time ON erased_lately (at_ms);
