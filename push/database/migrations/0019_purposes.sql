-- Where somebody was asked, and whether she ever said yes to these words: what she takes back later is counted apart.
ALTER TABLE asked ADD COLUMN country TEXT NOT NULL DEFAULT '';
ALTER TABLE asked ADD COLUMN accepted INTEGER NOT NULL DEFAULT 0;
UPDATE asked SET accepted = 1 WHERE granted = 1;
CREATE INDEX asked_by_time ON asked (asked_ms);

-- How words were taken by people who are erased since: numbers by the week in which they were asked, and nobody's name.
CREATE TABLE acceptance (
    purpose TEXT NOT NULL,
    version TEXT NOT NULL,
    country TEXT NOT NULL,
    week BIGINT NOT NULL,
    asked BIGINT NOT NULL,
    granted BIGINT NOT NULL,
    denied BIGINT NOT NULL,
    withdrawn BIGINT NOT NULL,
    PRIMARY KEY (purpose, version, country, week)
);

-- What a message needs beside its basis: a list of purposes, as JSON.
ALTER TABLE messages ADD COLUMN needs TEXT NOT NULL DEFAULT '[]';

-- Looks at consents go when they are old.
CREATE INDEX checks_by_day ON checks (day);
