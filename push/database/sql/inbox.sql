-- name: inbox.delivery
-- A delivery to any device of the same person, with its message; nobody else's.
SELECT
    d.id, d.message, d.shopper, d.state, d.channel, d.expires_ms, d.decided_ms, m.decision, m.campaign, m.basis,
    m.needs, m.source, m.content, m.sealed, m.created_ms, m.expires_ms AS message_expires_ms,
    k.shopper AS key_of, k.month AS key_month, k.wrapped AS key_wrapped
FROM deliveries AS d
    INNER JOIN messages AS m ON m.id = d.message
    LEFT JOIN person_keys AS k ON k.shopper = m.shopper
WHERE d.id = :delivery AND d.shopper IN (
        SELECT o.id FROM devices AS v
            INNER JOIN shoppers AS s ON s.id = v.shopper
            INNER JOIN shoppers AS o ON o.person = s.person
        WHERE v.id = :device
    )

-- name: inbox.decision
-- What was decided, at which moment, and how the campaign that was chosen reads now.
SELECT
    c.receipt, c.sealed, c.campaign, m.kind, m.store, m.zone, m.mark_s, m.at_ms, g.definition,
    k.shopper AS key_of, k.month AS key_month, k.wrapped AS key_wrapped
FROM decisions AS c
    LEFT JOIN moments AS m ON m.id = c.moment
    LEFT JOIN campaigns AS g ON g.id = c.campaign
    LEFT JOIN person_keys AS k ON k.shopper = c.shopper
WHERE c.id = :decision

-- name: receipts.lock
-- Whoever changes a verdict waits for whoever is changing it.
SELECT id FROM deliveries WHERE id = :delivery {for_update}

-- name: receipts.forget_verdict
-- The last word counts: an opposite verdict that is not later gives way.
DELETE FROM receipts WHERE delivery = :delivery AND kind = :opposite AND at_ms <= :at_ms

-- name: receipts.verdict
INSERT INTO receipts (delivery, kind, at_ms, received_ms)
SELECT
    CAST(:delivery AS TEXT), CAST(:kind AS TEXT), CAST(:at_ms AS BIGINT), CAST(:received_ms AS BIGINT)
WHERE NOT EXISTS (SELECT 1 FROM receipts AS r WHERE r.delivery = :delivery AND r.kind = :opposite)
ON CONFLICT (delivery, kind) DO NOTHING

-- name: receipts.confirm_verdict
-- The same verdict once more is no change, but it is later than what came between.
UPDATE receipts SET at_ms = :at_ms, received_ms = :received_ms
WHERE delivery = :delivery AND kind = :kind AND at_ms < :at_ms
