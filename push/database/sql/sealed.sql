-- What is from before people's own keys sealed it, and is sealed under them in slices. Of nobody it stays as it is.

-- name: sealed.messages_clear
SELECT m.id AS key_1, '' AS key_2, m.shopper, m.content AS before FROM messages AS m INNER JOIN shoppers AS s ON s.id = m.shopper
WHERE m.sealed IS NULL AND m.id > :after_1 AND :after_2 = '' ORDER BY m.id LIMIT :most

-- name: sealed.messages_put
UPDATE messages SET sealed = :sealed, content = ''
WHERE id = :key_1 AND :key_2 = '' AND sealed IS NULL AND content = :before

-- name: sealed.decisions_clear
SELECT x.id AS key_1, '' AS key_2, x.shopper, x.receipt AS before FROM decisions AS x INNER JOIN shoppers AS s ON s.id = x.shopper
WHERE x.sealed IS NULL AND x.id > :after_1 AND :after_2 = '' ORDER BY x.id LIMIT :most

-- name: sealed.decisions_put
UPDATE decisions SET sealed = :sealed, receipt = ''
WHERE id = :key_1 AND :key_2 = '' AND sealed IS NULL AND receipt = :before

-- name: sealed.addresses_clear
SELECT a.device AS key_1, a.channel AS key_2, d.shopper, a.sealed AS before
FROM addresses AS a INNER JOIN devices AS d ON d.id = a.device
WHERE a.hers = 0 AND (a.device, a.channel) > (:after_1, :after_2) ORDER BY a.device, a.channel LIMIT :most

-- name: sealed.addresses_put
UPDATE addresses SET sealed = :sealed, hers = 1
WHERE device = :key_1 AND channel = :key_2 AND hers = 0 AND sealed = :before
