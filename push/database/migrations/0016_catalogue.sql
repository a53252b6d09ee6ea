-- The goods that stores sell. One that is `gone` is sold no more; what was said of it holds, above all that it is
-- sensitive: somebody may still speak of it. `seq` numbers changes in the order in which they were committed.
CREATE TABLE products (
    id TEXT PRIMARY KEY,
    sku TEXT NOT NULL,
    name TEXT NOT NULL,
    category TEXT NOT NULL,
    brand TEXT NOT NULL,
    price_minor BIGINT,
    regular_minor BIGINT,
    currency TEXT NOT NULL,
    url TEXT NOT NULL,
    image TEXT NOT NULL,
    attributes TEXT NOT NULL,
    sensitive INTEGER NOT NULL,
    gone INTEGER NOT NULL DEFAULT 0,
    seq BIGINT NOT NULL,
    revision BIGINT NOT NULL DEFAULT 1,
    changed_by TEXT NOT NULL,
    changed_ms BIGINT NOT NULL
);

CREATE UNIQUE INDEX products_by_seq ON products (seq);
CREATE INDEX products_by_sku ON products (sku);

INSERT INTO counters (id, value) VALUES ('products', 0);

-- What a product cost, from when to when: what a price reduction has to name is the lowest of the 30 days before it
-- (Directive 98/6/EC, Article 6a). The price that holds has no end.
CREATE TABLE product_prices (
    product TEXT NOT NULL REFERENCES products (id) ON DELETE CASCADE,
    from_ms BIGINT NOT NULL,
    until_ms BIGINT,
    price_minor BIGINT NOT NULL,
    currency TEXT NOT NULL,
    PRIMARY KEY (product, from_ms)
);

CREATE INDEX product_prices_by_end ON product_prices (until_ms);

-- How many of a product a store has.
CREATE TABLE product_stock (
    product TEXT NOT NULL REFERENCES products (id) ON DELETE CASCADE,
    store TEXT NOT NULL REFERENCES stores (id) ON DELETE CASCADE,
    quantity BIGINT NOT NULL,
    changed_ms BIGINT NOT NULL,
    PRIMARY KEY (product, store)
);

CREATE INDEX product_stock_by_store ON product_stock (store, product);

-- Files of people and of what they did, on their way in. `rows_read` is how many were dealt with: one that was interrupted
-- goes on from there, and what it repeats is known already. Of what was wrong neither line nor value is kept.
CREATE TABLE people_imports (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    format TEXT NOT NULL,
    source TEXT NOT NULL,
    actor TEXT NOT NULL,
    dry_run INTEGER NOT NULL,
    state TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    touched_ms BIGINT NOT NULL,
    rows_read BIGINT NOT NULL DEFAULT 0,
    kept BIGINT NOT NULL DEFAULT 0,
    known BIGINT NOT NULL DEFAULT 0,
    no_consent BIGINT NOT NULL DEFAULT 0,
    order_only BIGINT NOT NULL DEFAULT 0,
    refused BIGINT NOT NULL DEFAULT 0,
    fault_count BIGINT NOT NULL DEFAULT 0
);

CREATE INDEX people_imports_by_time ON people_imports (created_ms, id);

CREATE TABLE people_import_faults (
    import_id TEXT NOT NULL REFERENCES people_imports (id) ON DELETE CASCADE,
    number BIGINT NOT NULL,
    line BIGINT NOT NULL,
    field TEXT NOT NULL,
    expected TEXT NOT NULL,
    PRIMARY KEY (import_id, number)
);

-- Which fields events and traits were seen with, of which type: names and counts, never a value. The field '' is the
-- event itself.
CREATE TABLE schema_learned (
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    field TEXT NOT NULL,
    type TEXT NOT NULL,
    n BIGINT NOT NULL,
    first_ms BIGINT NOT NULL,
    last_ms BIGINT NOT NULL,
    PRIMARY KEY (kind, name, field, type)
);

-- What was laid down of an event's properties or of traits, how often it was not kept to, and how lately.
CREATE TABLE schema_rules (
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    content TEXT NOT NULL,
    violations BIGINT NOT NULL DEFAULT 0,
    changed_by TEXT NOT NULL,
    changed_ms BIGINT NOT NULL,
    PRIMARY KEY (kind, name)
);

CREATE TABLE schema_violations (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    source TEXT NOT NULL,
    field TEXT NOT NULL,
    expected TEXT NOT NULL,
    at_ms BIGINT NOT NULL
);

CREATE INDEX schema_violations_by_name ON schema_violations (kind, name, at_ms);
