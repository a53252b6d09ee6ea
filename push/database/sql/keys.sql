-- name: keys.of
SELECT shopper, month, wrapped FROM person_keys WHERE shopper IN (SELECT value FROM {json_each}(:ids{as_json}))

-- name: keys.new
INSERT INTO person_keys (shopper, month, wrapped) VALUES (:shopper, :month, :wrapped) ON CONFLICT (shopper) DO NOTHING

-- name: keys.erase
DELETE FROM person_keys WHERE shopper = :shopper

-- name: keys.before
SELECT month, COUNT(*) AS found FROM person_keys WHERE month < :month GROUP BY month

-- name: keys.slice
SELECT shopper, month, wrapped FROM person_keys WHERE month < :month AND shopper > :after ORDER BY shopper LIMIT :most

-- name: keys.swap
UPDATE person_keys SET month = :month, wrapped = :wrapped WHERE shopper = :shopper AND wrapped = :before
