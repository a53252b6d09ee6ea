-- What people agreed to. `consent_history` is the ledger: every word on a purpose, kept under the facet that it came
-- under, once. `claimed` is what somebody else says that she agreed to; `pending` waits until she confirms it; `proof` is
-- sealed. `consents` follows from it, for every facet alike of a person: nothing but `settle` writes there.
ALTER TABLE consent_history ADD COLUMN said_by TEXT NOT NULL DEFAULT '';
ALTER TABLE consent_history ADD COLUMN version TEXT NOT NULL DEFAULT '';
ALTER TABLE consent_history ADD COLUMN locale TEXT NOT NULL DEFAULT '';
ALTER TABLE consent_history ADD COLUMN asked_on TEXT NOT NULL DEFAULT '';
ALTER TABLE consent_history ADD COLUMN claimed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE consent_history ADD COLUMN pending INTEGER NOT NULL DEFAULT 0;
ALTER TABLE consent_history ADD COLUMN proof {blob};
CREATE INDEX consent_history_by_shopper ON consent_history (shopper, purpose, at_ms);

INSERT INTO consent_history (id, shopper, purpose, granted, at_ms, source)
SELECT 'con_' || c.shopper || '_' || c.purpose, c.shopper, c.purpose, c.granted, c.at_ms, c.source FROM consents AS c
WHERE NOT EXISTS (
    SELECT 1 FROM consent_history AS h
    WHERE h.shopper = c.shopper AND h.purpose = c.purpose AND h.granted = c.granted AND h.at_ms >= c.at_ms
);

-- Under which age nobody is located or profiled (0: nobody is asked for it), and whether everybody was settled by it.
CREATE TABLE consent_rules (
    id TEXT PRIMARY KEY,
    minimum_age INTEGER NOT NULL,
    settled INTEGER NOT NULL
);

INSERT INTO consent_rules (id, minimum_age, settled) VALUES ('now', 0, 1);

-- What somebody was shown to answer, under which words, and what she answered to these.
CREATE TABLE asked (
    shopper TEXT NOT NULL REFERENCES shoppers (id) ON DELETE CASCADE,
    purpose TEXT NOT NULL,
    version TEXT NOT NULL,
    locale TEXT NOT NULL,
    asked_on TEXT NOT NULL,
    asked_ms BIGINT NOT NULL,
    granted INTEGER,
    answered_ms BIGINT,
    PRIMARY KEY (shopper, purpose, version)
);

CREATE INDEX asked_by_purpose ON asked (purpose, version);

-- How often on a day (UTC) it was looked whether something of hers may be used, for what, and what the answer was.
CREATE TABLE checks (
    shopper TEXT NOT NULL REFERENCES shoppers (id) ON DELETE CASCADE,
    purpose TEXT NOT NULL,
    used_for TEXT NOT NULL,
    day BIGINT NOT NULL,
    allowed INTEGER NOT NULL,
    times BIGINT NOT NULL,
    last_ms BIGINT NOT NULL,
    PRIMARY KEY (shopper, day, purpose, used_for, allowed)
);

-- Where somebody is now, by any of her tags.
CREATE INDEX visits_open ON visits (shopper, store) WHERE left_ms IS NULL;
