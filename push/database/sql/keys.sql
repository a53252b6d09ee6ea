-- name: keys.of
SELECT shopper, month, wrapped FROM person_keys WHERE shopper IN (SELECT value FROM {json_each}(:ids{as_json}))

-- name: keys.new
-- Of those alone who are there: somebody may have been erased meanwhile.
INSERT INTO person_keys (shopper, month, wrapped)
SELECT s.id, CAST(:month AS TEXT), CAST(:wrapped AS {blob}) FROM shoppers AS s WHERE s.id = :shopper
ON CONFLICT (shopper) DO NOTHING

-- name: keys.before
SELECT month, COUNT(*) AS found FROM person_keys WHERE month < :month OR month > :furthest GROUP BY month

-- name: keys.slice
SELECT shopper, month, wrapped FROM person_keys
WHERE (month < :month OR month > :furthest) AND shopper > :after ORDER BY shopper LIMIT :most

-- name: keys.swap
UPDATE person_keys SET month = :month, wrapped = :wrapped WHERE shopper = :shopper AND wrapped = :before
