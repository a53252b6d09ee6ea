-- What came of campaigns.

-- name: results.told
-- Whom a campaign reached, and what they did of it, each person once.
SELECT
    COUNT(DISTINCT s.person) AS reached,
    COUNT(DISTINCT CASE WHEN d.shown_ms IS NOT NULL THEN s.person END) AS shown,
    COUNT(DISTINCT CASE WHEN d.opened_ms IS NOT NULL THEN s.person END) AS opened,
    COUNT(DISTINCT CASE WHEN r.kind IS NOT NULL THEN s.person END) AS redeemed
FROM messages AS m
    INNER JOIN deliveries AS d ON d.message = m.id
    INNER JOIN shoppers AS s ON s.id = m.shopper
    LEFT JOIN receipts AS r ON r.delivery = d.id AND r.kind = 'redeemed'
WHERE m.campaign = :campaign AND (d.maybe_sent = 1 OR d.accepted_ms IS NOT NULL OR d.shown_ms IS NOT NULL)

-- name: results.arms
-- Who may get a campaign and who is kept from it, as far as the time has passed; and who of them bought in it, whichever
-- of her identifiers it was told of.
SELECT
    a.arm,
    SUM(CASE WHEN a.first_ms + :within_ms <= :now_ms THEN 1 ELSE 0 END) AS people,
    SUM(CASE WHEN a.first_ms + :within_ms > :now_ms THEN 1 ELSE 0 END) AS too_soon,
    SUM(CASE WHEN a.first_ms + :within_ms <= :now_ms AND EXISTS (
        SELECT 1
        FROM shoppers AS s
            INNER JOIN shoppers AS o ON o.person = s.person
            INNER JOIN tracked AS t ON t.shopper = o.id
        WHERE s.id = a.shopper AND t.kind = 'track'
            AND t.at_ms >= a.first_ms AND t.at_ms < a.first_ms + :within_ms
            AND LOWER(REPLACE(t.name, '_', ' ')) IN (SELECT value FROM {json_each}(:names{as_json}))
    ) THEN 1 ELSE 0 END) AS bought
FROM arms AS a
WHERE a.campaign = :campaign
GROUP BY a.arm
ORDER BY a.arm
