-- name: experiences.get
SELECT said, revision, changed_by, changed_ms FROM experiences WHERE id = 'app'

-- name: experiences.held
-- Nobody else changes it until the transaction ends.
SELECT said, revision, changed_by, changed_ms FROM experiences WHERE id = 'app' {for_update}

-- name: experiences.put
INSERT INTO experiences (id, said, revision, changed_by, changed_ms) VALUES ('app', :said, 1, :changed_by, :changed_ms)
ON CONFLICT (id) DO UPDATE SET
    said = excluded.said, revision = experiences.revision + 1, changed_by = excluded.changed_by,
    changed_ms = excluded.changed_ms
