-- name: triggered.messages
SELECT shopper, campaign FROM messages ORDER BY created_ms, shopper, campaign

-- name: triggered.waiting
SELECT shopper, campaign, kind, due_ms, tries FROM waiting ORDER BY due_ms, id

-- name: triggered.deliveries
SELECT id FROM deliveries WHERE shopper = :shopper ORDER BY id

-- name: triggered.spoil
-- Nobody can read what waits for her.
UPDATE waiting SET occasion = 'no JSON' WHERE shopper = :shopper
