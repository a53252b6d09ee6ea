-- What was learned of how the gateways of a store hear (JSON): with it a restart goes on, without it it begins anew.
CREATE TABLE radio_models (
    store TEXT PRIMARY KEY REFERENCES stores (id) ON DELETE CASCADE,
    state TEXT NOT NULL,
    at_ms BIGINT NOT NULL
);
