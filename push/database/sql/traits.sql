-- name: traits.of
SELECT shopper, sealed FROM traits WHERE shopper IN (SELECT value FROM {json_each}(:ids{as_json}))

-- name: traits.of_people
SELECT
    s.id AS shopper, o.id AS facet, t.sealed, k.shopper AS key_of, k.month AS key_month, k.wrapped AS key_wrapped
FROM shoppers AS s
    INNER JOIN shoppers AS o ON o.person = s.person
    LEFT JOIN traits AS t ON t.shopper = o.id
    LEFT JOIN person_keys AS k ON k.shopper = o.id
WHERE s.id IN (SELECT value FROM {json_each}(:ids{as_json})) ORDER BY s.id, o.id

-- name: traits.put
INSERT INTO traits (shopper, sealed, changed_ms) VALUES (:shopper, :sealed, :changed_ms)
ON CONFLICT (shopper) DO UPDATE SET sealed = excluded.sealed, changed_ms = excluded.changed_ms

-- name: traits.in_clear
SELECT id, traits, created_ms FROM shoppers WHERE id > :after AND traits <> '{}' ORDER BY id LIMIT :most

-- name: traits.no_longer_in_clear
UPDATE shoppers SET traits = '{}' WHERE id = :id
