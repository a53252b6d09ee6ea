-- Who people are. A row of `shoppers` is a facet: what is known of somebody through one identifier. `person` is the facet
-- that stands for all of hers, and `kind` that of the identifier; whatever has a column `shopper` holds a facet, for good.
ALTER TABLE shoppers ADD COLUMN person TEXT NOT NULL DEFAULT '';
ALTER TABLE shoppers ADD COLUMN kind TEXT NOT NULL DEFAULT 'shopper';
UPDATE shoppers SET person = id;
CREATE INDEX shoppers_by_person ON shoppers (person);

-- What seals everything personal of a facet, wrapped under a key of a month that is kept outside of the database.
CREATE TABLE person_keys (
    shopper TEXT PRIMARY KEY REFERENCES shoppers (id) ON DELETE CASCADE,
    month TEXT NOT NULL,
    wrapped {blob} NOT NULL
);

CREATE INDEX person_keys_by_month ON person_keys (month, shopper);

-- `hash` (keyed) finds a value that nobody can read.
CREATE TABLE identifiers (
    hash TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    shopper TEXT NOT NULL REFERENCES shoppers (id) ON DELETE CASCADE,
    sealed {blob} NOT NULL,
    first_ms BIGINT NOT NULL
);

CREATE INDEX identifiers_by_shopper ON identifiers (shopper);

-- Who was said to be who: two facets, `a` before `b`; of several sayings the first one. Kept for good, also when cut.
-- `decided` is the last word of `link_decisions`, empty where there is none. `state` follows from all links together:
-- joined, refused (then there is a review), shared (an end of it is too many people's), or cut.
CREATE TABLE links (
    id TEXT PRIMARY KEY,
    a TEXT NOT NULL REFERENCES shoppers (id) ON DELETE CASCADE,
    b TEXT NOT NULL REFERENCES shoppers (id) ON DELETE CASCADE,
    source TEXT NOT NULL,
    reason TEXT NOT NULL,
    said TEXT NOT NULL,
    at_ms BIGINT NOT NULL,
    received_ms BIGINT NOT NULL,
    decided TEXT NOT NULL,
    state TEXT NOT NULL
);

CREATE INDEX links_by_a ON links (a);
CREATE INDEX links_by_b ON links (b);

-- What people decided about links, the last word of each counting: to cut it, to let it hold again, or to join in spite
-- of the rules.
CREATE TABLE link_decisions (
    id TEXT PRIMARY KEY,
    link TEXT NOT NULL REFERENCES links (id) ON DELETE CASCADE,
    decision TEXT NOT NULL,
    decided_by TEXT NOT NULL,
    why TEXT NOT NULL,
    at_ms BIGINT NOT NULL
);

CREATE INDEX link_decisions_by_link ON link_decisions (link, at_ms);

-- Links that would join people whom a rule keeps apart, for somebody to look at.
CREATE TABLE link_reviews (
    link TEXT PRIMARY KEY REFERENCES links (id) ON DELETE CASCADE,
    rule TEXT NOT NULL,
    why TEXT NOT NULL,
    opened_ms BIGINT NOT NULL,
    closed_ms BIGINT,
    closed_by TEXT
);

CREATE INDEX link_reviews_by_time ON link_reviews (opened_ms, link);

-- What was said of somebody, once. `id` is derived from its source and its message id.
CREATE TABLE tracked (
    id TEXT PRIMARY KEY,
    shopper TEXT NOT NULL REFERENCES shoppers (id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    source TEXT NOT NULL,
    at_ms BIGINT NOT NULL,
    received_ms BIGINT NOT NULL,
    sealed {blob} NOT NULL
);

CREATE INDEX tracked_by_shopper ON tracked (shopper, at_ms);

-- The state of a facet's traits: of every name what its strategies need.
CREATE TABLE traits (
    shopper TEXT PRIMARY KEY REFERENCES shoppers (id) ON DELETE CASCADE,
    sealed {blob} NOT NULL,
    changed_ms BIGINT NOT NULL
);

-- Devices since a time are found without a look at all: bare addresses are devices too, and many.
CREATE INDEX devices_by_time ON devices (created_ms, id);
