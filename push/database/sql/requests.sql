-- name: requests.open
INSERT INTO requests (id, kind, person, state, opened_ms, due_ms)
VALUES (:id, :kind, :person, 'open', :opened_ms, :due_ms)

-- name: requests.step
INSERT INTO request_steps (id, request, at_ms, actor, action) VALUES (:id, :request, :at_ms, :actor, :action)

-- name: requests.close
UPDATE requests SET state = :state, closed_ms = :closed_ms WHERE id = :id

-- name: requests.extend
UPDATE requests SET due_ms = :due_ms WHERE id = :id

-- name: requests.one
SELECT id, kind, person, state, opened_ms, due_ms, closed_ms FROM requests WHERE id = :id {for_update}

-- name: requests.steps
SELECT at_ms, actor, action FROM request_steps WHERE request = :request ORDER BY at_ms, id

-- name: requests.page
SELECT id, kind, person, state, opened_ms, due_ms, closed_ms FROM requests
WHERE (due_ms > :due_ms OR (due_ms = :due_ms AND id > :after)) AND (:is_open = 0 OR state = 'open')
ORDER BY due_ms, id LIMIT :most
