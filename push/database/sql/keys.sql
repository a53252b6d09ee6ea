-- name: keys.of
SELECT shopper, month, wrapped FROM person_keys WHERE shopper IN (SELECT value FROM {json_each}(:ids{as_json}))

-- name: keys.new
INSERT INTO person_keys (shopper, month, wrapped) VALUES (:shopper, :month, :wrapped) ON CONFLICT (shopper) DO NOTHING

-- name: keys.erase
DELETE FROM person_keys WHERE shopper = :shopper
