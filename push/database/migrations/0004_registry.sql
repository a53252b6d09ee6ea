-- What retail operations keep of stores, gateways and beacons; `revision` tells an operator that another was faster.
ALTER TABLE stores ADD COLUMN address TEXT NOT NULL DEFAULT '';
ALTER TABLE stores ADD COLUMN latitude DOUBLE PRECISION;
ALTER TABLE stores ADD COLUMN longitude DOUBLE PRECISION;
ALTER TABLE stores ADD COLUMN opening TEXT NOT NULL DEFAULT '[]';
ALTER TABLE stores ADD COLUMN holidays TEXT NOT NULL DEFAULT '';
ALTER TABLE stores ADD COLUMN days TEXT NOT NULL DEFAULT '[]';
ALTER TABLE stores ADD COLUMN group_id TEXT;
ALTER TABLE stores ADD COLUMN labels TEXT NOT NULL DEFAULT '[]';
ALTER TABLE stores ADD COLUMN revision BIGINT NOT NULL DEFAULT 1;

ALTER TABLE zones ADD COLUMN revision BIGINT NOT NULL DEFAULT 1;

ALTER TABLE gateways ADD COLUMN name TEXT NOT NULL DEFAULT '';
ALTER TABLE gateways ADD COLUMN group_id TEXT;
ALTER TABLE gateways ADD COLUMN labels TEXT NOT NULL DEFAULT '[]';
ALTER TABLE gateways ADD COLUMN revision BIGINT NOT NULL DEFAULT 1;

ALTER TABLE beacons ADD COLUMN name TEXT NOT NULL DEFAULT '';
ALTER TABLE beacons ADD COLUMN model TEXT NOT NULL DEFAULT '';
ALTER TABLE beacons ADD COLUMN firmware TEXT NOT NULL DEFAULT '';
ALTER TABLE beacons ADD COLUMN battery TEXT NOT NULL DEFAULT '';
ALTER TABLE beacons ADD COLUMN group_id TEXT;
ALTER TABLE beacons ADD COLUMN labels TEXT NOT NULL DEFAULT '[]';
ALTER TABLE beacons ADD COLUMN revision BIGINT NOT NULL DEFAULT 1;

-- `name_key` is the name as it is searched and sorted, capitals folded; who changed a record last is told to whoever was
-- slower.
ALTER TABLE stores ADD COLUMN name_key TEXT NOT NULL DEFAULT '';
ALTER TABLE stores ADD COLUMN changed_by TEXT NOT NULL DEFAULT '';
ALTER TABLE stores ADD COLUMN changed_ms BIGINT NOT NULL DEFAULT 0;
ALTER TABLE zones ADD COLUMN changed_by TEXT NOT NULL DEFAULT '';
ALTER TABLE zones ADD COLUMN changed_ms BIGINT NOT NULL DEFAULT 0;
ALTER TABLE gateways ADD COLUMN name_key TEXT NOT NULL DEFAULT '';
ALTER TABLE gateways ADD COLUMN changed_by TEXT NOT NULL DEFAULT '';
ALTER TABLE gateways ADD COLUMN changed_ms BIGINT NOT NULL DEFAULT 0;
ALTER TABLE beacons ADD COLUMN name_key TEXT NOT NULL DEFAULT '';
ALTER TABLE beacons ADD COLUMN changed_by TEXT NOT NULL DEFAULT '';
ALTER TABLE beacons ADD COLUMN changed_ms BIGINT NOT NULL DEFAULT 0;
UPDATE stores SET name_key = LOWER(name);

-- The labels of each record once more, so that those with one are found.
CREATE TABLE store_labels (label TEXT NOT NULL, item TEXT NOT NULL, PRIMARY KEY (label, item));
CREATE TABLE gateway_labels (label TEXT NOT NULL, item TEXT NOT NULL, PRIMARY KEY (label, item));
CREATE TABLE beacon_labels (label TEXT NOT NULL, item TEXT NOT NULL, PRIMARY KEY (label, item));
CREATE INDEX beacon_labels_in_order ON beacon_labels (label, item{c}) {elsewhere};

-- What lists are found by (push/database/listed.py).
CREATE INDEX stores_by_id ON stores (id{c}) {elsewhere};
CREATE INDEX stores_by_name ON stores (name_key{c}, id{c});
CREATE INDEX gateways_by_id ON gateways (id{c}) {elsewhere};
CREATE INDEX gateways_by_name ON gateways (name_key{c}, id{c});
CREATE INDEX gateways_by_store ON gateways (store, id{c});
CREATE INDEX gateways_by_group ON gateways (group_id, id{c}) WHERE group_id IS NOT NULL;
CREATE INDEX beacons_by_id ON beacons (id{c}) {elsewhere};
CREATE INDEX beacons_by_name ON beacons (name_key{c}, id{c});
CREATE INDEX beacons_by_store ON beacons (store, id{c}) WHERE store IS NOT NULL;
CREATE INDEX beacons_by_role ON beacons (role, id{c});
CREATE INDEX beacons_by_format ON beacons (format, id{c});
CREATE INDEX beacons_by_group ON beacons (group_id, id{c}) WHERE group_id IS NOT NULL;
CREATE INDEX beacons_of_staff ON beacons (id{c}) WHERE staff = 1;

-- The floor of a store in metres, and its picture as it is shown: decoded and written anew, so that it is nothing else.
CREATE TABLE plans (
    store TEXT PRIMARY KEY REFERENCES stores (id),
    width_m DOUBLE PRECISION NOT NULL,
    height_m DOUBLE PRECISION NOT NULL,
    revision BIGINT NOT NULL DEFAULT 1,
    changed_by TEXT NOT NULL,
    changed_ms BIGINT NOT NULL
);

CREATE TABLE plan_images (
    store TEXT PRIMARY KEY REFERENCES stores (id),
    digest TEXT NOT NULL,
    width_px INTEGER NOT NULL,
    height_px INTEGER NOT NULL,
    content {blob} NOT NULL
);

-- Who changed what: what stood before and after is JSON, without secrets; `store` lets those see it who are kept to it.
ALTER TABLE audit DROP COLUMN detail;
ALTER TABLE audit ADD COLUMN store TEXT;
ALTER TABLE audit ADD COLUMN before_json TEXT;
ALTER TABLE audit ADD COLUMN after_json TEXT;
CREATE INDEX audit_by_time ON audit (at_ms, id{c});
CREATE INDEX audit_by_actor ON audit (actor, at_ms, id{c});
CREATE INDEX audit_by_subject ON audit (subject, at_ms, id{c});
CREATE INDEX audit_by_action ON audit (action, at_ms, id{c});
CREATE INDEX audit_by_store ON audit (store, at_ms, id{c});
