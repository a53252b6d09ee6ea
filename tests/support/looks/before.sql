-- Rows as the version wrote them that sealed nothing of messages, and what is left of those.

-- name: before.messages
UPDATE messages SET content = :said, sealed = NULL

-- name: before.decisions
UPDATE decisions SET receipt = '[]', sealed = NULL

-- name: before.address
UPDATE addresses SET sealed = :sealed, hers = 0 WHERE device = :device

-- name: before.left
SELECT m.content AS said FROM messages AS m WHERE m.sealed IS NULL OR m.content <> ''
UNION ALL
SELECT x.receipt AS said FROM decisions AS x WHERE x.sealed IS NULL OR x.receipt <> ''
UNION ALL
SELECT a.device AS said FROM addresses AS a WHERE a.hers = 0

-- name: before.orphan
DELETE FROM person_keys WHERE shopper = :shopper
