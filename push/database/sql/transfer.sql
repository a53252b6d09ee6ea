-- name: transfer.new
INSERT INTO people_imports (id, kind, format, source, actor, dry_run, state, created_ms, touched_ms, file_sealed)
VALUES (:id, :kind, :format, :source, :actor, :dry_run, 'receiving', :now_ms, :now_ms, :file_sealed)

-- name: transfer.get
SELECT * FROM people_imports WHERE id = :id

-- name: transfer.page
SELECT * FROM people_imports
WHERE created_ms < :after_ms OR (created_ms = :after_ms AND id < :after_id)
ORDER BY created_ms DESC, id DESC LIMIT :most

-- name: transfer.running
SELECT id FROM people_imports WHERE state IN ('receiving', 'running') AND touched_ms >= :since_ms

-- name: transfer.progress
UPDATE people_imports SET
    state = :state, touched_ms = :now_ms, rows_read = :rows_read, kept = :kept, known = :known,
    no_consent = :no_consent, order_only = :order_only, refused = :refused, fault_count = :fault_count,
    file_sealed = CASE WHEN :state = 'running' THEN file_sealed END
WHERE id = :id

-- name: transfer.set_state
UPDATE people_imports SET state = :state, touched_ms = :now_ms WHERE id = :id

-- name: transfer.fail
UPDATE people_imports SET state = 'failed', touched_ms = :now_ms, fault_count = fault_count + 1, file_sealed = NULL
WHERE id = :id AND state IN ('receiving', 'running')

-- name: transfer.expire
UPDATE people_imports SET state = 'failed', file_sealed = NULL
WHERE state IN ('receiving', 'running') AND touched_ms < :before_ms

-- name: transfer.add_fault
INSERT INTO people_import_faults (import_id, number, line, field, expected)
VALUES (:import_id, :number, :line, :field, :expected)
ON CONFLICT (import_id, number) DO NOTHING

-- name: transfer.faults
SELECT number, line, field, expected FROM people_import_faults
WHERE import_id = :id AND number > :after ORDER BY number LIMIT :most

-- name: transfer.people
-- Whoever agrees to a purpose now, and whether she may be profiled.
SELECT s.id AS person, COALESCE(p.granted, 0) AS profiled
FROM shoppers AS s
INNER JOIN consents AS c ON c.shopper = s.id AND c.purpose = :purpose AND c.granted = 1
LEFT JOIN consents AS p ON p.shopper = s.id AND p.purpose = 'profiling'
WHERE s.id = s.person AND s.id{c} > :after
ORDER BY s.id{c} LIMIT :most

-- name: transfer.facets
SELECT id, person FROM shoppers WHERE person IN (SELECT value FROM {json_each}(:persons{as_json}))

-- name: transfer.consents
SELECT shopper, purpose, granted, at_ms, source FROM consents
WHERE shopper IN (SELECT value FROM {json_each}(:persons{as_json})) ORDER BY shopper, purpose
