-- Other people's gateways: under which topic of the broker they speak, in whose words, and which of the store's gateways
-- is meant by each name that they give (a JSON object). `secret_sealed` is their password at our own broker.
CREATE TABLE sources (
    store TEXT NOT NULL REFERENCES stores (id),
    id TEXT NOT NULL,
    kind TEXT NOT NULL,
    topic TEXT NOT NULL UNIQUE,
    gateways TEXT NOT NULL,
    triggers INTEGER NOT NULL,
    enabled INTEGER NOT NULL,
    secret_sealed {blob} NOT NULL,
    revision BIGINT NOT NULL DEFAULT 1,
    changed_by TEXT NOT NULL,
    changed_ms BIGINT NOT NULL,
    PRIMARY KEY (store, id)
);
