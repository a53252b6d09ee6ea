-- name: confirming.waiting
-- What a facet granted that is not in force, and of which nothing was said since by the same person.
SELECT h.purpose, h.version, h.locale, h.again_ms
FROM consent_history AS h INNER JOIN shoppers AS s ON s.id = h.shopper
WHERE h.shopper = :shopper AND h.pending = 1 AND h.granted = 1
    AND NOT EXISTS (
        SELECT 1 FROM consents AS c WHERE c.shopper = h.shopper AND c.purpose = h.purpose AND c.granted = 1
    )
    AND NOT EXISTS (
        SELECT 1 FROM shoppers AS o INNER JOIN consent_history AS w ON w.shopper = o.id
        WHERE o.person = s.person AND w.purpose = h.purpose AND w.pending = 0 AND w.claimed = 0 AND w.again_ms >= h.again_ms
    )

-- name: confirming.locked
SELECT id, shopper, mailbox, sealed, locale, asked_ms, mails, due_ms, state FROM confirmations
WHERE id = :id {for_update}

-- name: confirming.open
INSERT INTO confirmations (id, shopper, mailbox, sealed, locale, asked_ms, mails, due_ms, state)
VALUES (:id, :shopper, :mailbox, :sealed, :locale, :asked_ms, 0, :asked_ms, 'open')
ON CONFLICT (id) DO NOTHING

-- name: confirming.mailboxes
SELECT COUNT(*) AS found FROM confirmations WHERE shopper = :shopper

-- name: confirming.again
UPDATE confirmations SET state = 'open', ended_ms = NULL, mails = :mails, due_ms = :due_ms WHERE id = :id

-- name: confirming.due
SELECT id FROM confirmations WHERE due_ms <= :now_ms ORDER BY due_ms, id LIMIT :most

-- name: confirming.put_off
UPDATE confirmations SET due_ms = :due_ms WHERE id = :id

-- name: confirming.mailed
UPDATE confirmations SET mails = mails + 1, due_ms = NULL WHERE id = :id

-- name: confirming.mail
INSERT INTO confirmation_mails (delivery, confirmation, mailbox, sent_ms, ends_ms)
VALUES (:delivery, :confirmation, :mailbox, :sent_ms, :ends_ms)

-- name: confirming.last_mail
SELECT MAX(sent_ms) AS sent_ms FROM confirmation_mails WHERE confirmation = :id

-- name: confirming.last_to
-- When a mailbox was written to last, whoever named it.
SELECT MAX(sent_ms) AS sent_ms FROM confirmation_mails WHERE mailbox = :mailbox

-- name: confirming.since
SELECT COUNT(*) AS mails FROM confirmation_mails WHERE sent_ms > :since_ms

-- name: confirming.registered
-- The mailboxes that a person registered.
SELECT a.device, a.hash FROM shoppers AS s
    INNER JOIN shoppers AS o ON o.person = s.person
    INNER JOIN devices AS d ON d.shopper = o.id
    INNER JOIN addresses AS a ON a.device = d.id
WHERE s.id = :shopper AND a.channel = 'email' ORDER BY a.registered_ms DESC, a.device

-- name: confirming.linked
-- The mail that a link stands in, with what it confirms.
SELECT c.id, c.shopper, c.mailbox, c.sealed, c.locale, c.state, m.sent_ms, m.ends_ms, m.delivery
FROM confirmation_mails AS m INNER JOIN confirmations AS c ON c.id = m.confirmation
WHERE m.delivery = :delivery

-- name: confirming.close
UPDATE confirmations SET state = 'used', due_ms = NULL, ended_ms = :ended_ms WHERE id = :id

-- name: confirming.left
-- How many people have mails due.
SELECT COUNT(*) AS people FROM confirmations WHERE due_ms IS NOT NULL
