-- What a facet did, folded: orders, taste, basket, rhythm.
CREATE TABLE features (
    shopper TEXT PRIMARY KEY REFERENCES shoppers (id) ON DELETE CASCADE,
    sealed {blob} NOT NULL,
    changed_ms BIGINT NOT NULL
);

-- Where a person stands among everyone, in clear: figures without a name. `counted` is what of her is in `sketches`:
-- to be taken out of there before the row goes, so nothing else deletes it.
CREATE TABLE standings (
    person TEXT PRIMARY KEY,
    orders BIGINT NOT NULL,
    first_s BIGINT NOT NULL,
    last_s BIGINT NOT NULL,
    currency TEXT NOT NULL,
    minor BIGINT NOT NULL,
    pieces BIGINT NOT NULL,
    counted TEXT NOT NULL,
    changed_ms BIGINT NOT NULL
);

-- Everyone together: of each figure how many people stand in which bucket. What nobody stands in has n = 0.
CREATE TABLE sketches (
    name TEXT NOT NULL,
    bucket BIGINT NOT NULL,
    n BIGINT NOT NULL,
    PRIMARY KEY (name, bucket)
);
