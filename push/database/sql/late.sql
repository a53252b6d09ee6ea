-- Who was erased lately, by a keyed hash of each identifier.

-- name: late.identifiers
SELECT hash FROM identifiers WHERE shopper IN (SELECT value FROM {json_each}(:ids{as_json})) ORDER BY hash

-- name: late.named
SELECT id FROM shoppers WHERE kind = :kind AND id IN (SELECT value FROM {json_each}(:ids{as_json})) ORDER BY id

-- name: late.add
INSERT INTO erased_lately (id, at_ms) VALUES (:id, :at_ms) ON CONFLICT (id) DO UPDATE SET at_ms = excluded.at_ms

-- name: late.newest
SELECT MAX(at_ms) AS at_ms FROM erased_lately

-- name: late.erased
SELECT id, at_ms FROM erased_lately WHERE id IN (SELECT value FROM {json_each}(:ids{as_json}))

-- name: late.sweep
DELETE FROM erased_lately WHERE at_ms < :before_ms

-- name: late.end_imports
UPDATE people_imports SET state = 'failed', file_sealed = NULL WHERE state IN ('receiving', 'running')
