-- name: derived.of
SELECT shopper, sealed FROM features WHERE shopper IN (SELECT value FROM {json_each}(:ids{as_json}))

-- name: derived.of_people
SELECT s.id AS shopper, s.person, o.id AS facet, f.sealed
FROM shoppers AS s INNER JOIN shoppers AS o ON o.person = s.person LEFT JOIN features AS f ON f.shopper = o.id
WHERE s.id IN (SELECT value FROM {json_each}(:ids{as_json})) ORDER BY s.id, o.id

-- name: derived.put
INSERT INTO features (shopper, sealed, changed_ms) VALUES (:shopper, :sealed, :changed_ms)
ON CONFLICT (shopper) DO UPDATE SET sealed = excluded.sealed, changed_ms = excluded.changed_ms

-- name: derived.visits
-- The latest visits of whoever each of these facets is, so many of each; the store says what time it was there.
SELECT came.shopper, came.entered_ms, came.time_zone
FROM (
    SELECT
        s.id AS shopper, v.entered_ms, w.time_zone,
        ROW_NUMBER() OVER (PARTITION BY s.id ORDER BY v.entered_ms DESC, v.id) AS place
    FROM shoppers AS s INNER JOIN shoppers AS o ON o.person = s.person
    INNER JOIN visits AS v ON v.shopper = o.id INNER JOIN stores AS w ON w.id = v.store
    WHERE s.id IN (SELECT value FROM {json_each}(:ids{as_json})) AND v.entered_ms >= :since_ms
) AS came
WHERE came.place <= :most ORDER BY came.shopper, came.place

-- name: derived.told
-- What was handed over last to whoever each of these facets is, so much of each, and whether she opened it.
SELECT told.shopper, told.channel, told.handed_over_ms, told.opened_ms
FROM (
    SELECT
        s.id AS shopper, d.channel, d.handed_over_ms, d.opened_ms,
        ROW_NUMBER() OVER (PARTITION BY s.id ORDER BY d.decided_ms DESC, d.id) AS place
    FROM shoppers AS s INNER JOIN shoppers AS o ON o.person = s.person INNER JOIN deliveries AS d ON d.shopper = o.id
    WHERE s.id IN (SELECT value FROM {json_each}(:ids{as_json})) AND d.decided_ms >= :since_ms
        AND d.handed_over_ms IS NOT NULL AND d.channel IS NOT NULL
) AS told
WHERE told.place <= :most ORDER BY told.shopper, told.place

-- name: derived.segments
-- What whoever each of these facets is belongs to, since longest first, of the segments whose rates are kept.
SELECT s.id AS shopper, m.segment
FROM shoppers AS s INNER JOIN segment_members AS m ON m.person = s.person
WHERE s.id IN (SELECT value FROM {json_each}(:ids{as_json}))
    AND m.segment IN (SELECT g.id FROM segments AS g ORDER BY g.id LIMIT :most)
ORDER BY s.id, m.since_ms, m.segment

-- name: derived.standings
SELECT person, orders, first_s, last_s, currency, minor, pieces, counted FROM standings
WHERE person IN (SELECT value FROM {json_each}(:ids{as_json})) ORDER BY person {for_update}

-- name: derived.stand
INSERT INTO standings (person, orders, first_s, last_s, currency, minor, pieces, counted, changed_ms)
VALUES (:person, :orders, :first_s, :last_s, :currency, :minor, :pieces, :counted, :changed_ms)
ON CONFLICT (person) DO UPDATE SET
    orders = excluded.orders, first_s = excluded.first_s, last_s = excluded.last_s, currency = excluded.currency,
    minor = excluded.minor, pieces = excluded.pieces, counted = excluded.counted, changed_ms = excluded.changed_ms

-- name: derived.leave
DELETE FROM standings WHERE person = :person

-- name: derived.count
INSERT INTO sketches (name, bucket, n) VALUES (:name, :bucket, :n)
ON CONFLICT (name, bucket) DO UPDATE SET n = sketches.n + excluded.n

-- name: derived.sketches
SELECT name, bucket, n FROM sketches WHERE n <> 0 ORDER BY name, bucket
