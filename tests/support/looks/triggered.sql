-- name: triggered.messages
SELECT shopper, campaign FROM messages ORDER BY created_ms, shopper, campaign

-- name: triggered.waiting
SELECT shopper, campaign, kind, due_ms, tries FROM waiting ORDER BY due_ms, id

-- name: triggered.deliveries
SELECT id FROM deliveries WHERE shopper = :shopper ORDER BY id

-- name: triggered.spoil
-- Nobody can read what waits for her.
UPDATE waiting SET occasion = 'no JSON' WHERE shopper = :shopper

-- name: triggered.opened
-- What a campaign said was handed over, and opened, at a time.
UPDATE deliveries SET channel = 'inapp', handed_over_ms = :at_ms, opened_ms = :at_ms
WHERE message IN (SELECT m.id FROM messages AS m WHERE m.campaign = :campaign)

-- name: triggered.join
-- Two turn out to be one person.
UPDATE shoppers SET person = :person WHERE id = :other

-- name: triggered.erase
-- What waits is of somebody who is gone.
UPDATE waiting SET shopper = 'gone' WHERE shopper = :shopper
