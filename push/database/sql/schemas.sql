-- name: schemas.learn
INSERT INTO schema_learned (kind, name, field, type, n, first_ms, last_ms)
VALUES (:kind, :name, :field, :type, :n, :at_ms, :at_ms)
ON CONFLICT (kind, name, field, type) DO UPDATE SET n = schema_learned.n + excluded.n, last_ms = excluded.last_ms

-- name: schemas.learned
SELECT kind, name, field, type, n, first_ms, last_ms FROM schema_learned ORDER BY kind, name, field, type

-- name: schemas.rules
SELECT kind, name, content, violations, changed_by, changed_ms FROM schema_rules ORDER BY kind, name

-- name: schemas.put
INSERT INTO schema_rules (kind, name, content, changed_by, changed_ms)
VALUES (:kind, :name, :content, :changed_by, :changed_ms)
ON CONFLICT (kind, name) DO UPDATE SET
    content = excluded.content, violations = 0, changed_by = excluded.changed_by, changed_ms = excluded.changed_ms

-- name: schemas.delete
DELETE FROM schema_rules WHERE kind = :kind AND name = :name

-- name: schemas.count
UPDATE schema_rules SET violations = violations + :n WHERE kind = :kind AND name = :name

-- name: schemas.violated
INSERT INTO schema_violations (id, kind, name, source, field, expected, at_ms)
VALUES (:id, :kind, :name, :source, :field, :expected, :at_ms)

-- name: schemas.last
SELECT kind, name, source, field, expected, at_ms FROM schema_violations ORDER BY kind, name, at_ms DESC, id DESC

-- name: schemas.prune
DELETE FROM schema_violations WHERE kind = :kind AND name = :name AND id NOT IN (
    SELECT v.id FROM schema_violations AS v WHERE v.kind = :kind AND v.name = :name
    ORDER BY v.at_ms DESC, v.id DESC LIMIT :most
)

-- name: schemas.forget_violations
DELETE FROM schema_violations WHERE kind = :kind AND name = :name
