-- What people were sent, which caps count, and budgets of messages to everybody.

-- name: touches.put
INSERT INTO touches (message, shopper, campaign, tags, channel, store, visit, at_ms)
VALUES (:message, :shopper, :campaign, :tags, :channel, :store, :visit, :at_ms)
ON CONFLICT (message) DO NOTHING

-- name: touches.of
-- What every facet of a person was sent: since a time, in her visit here, and before that as many of each kind as a cap
-- may count.
-- Her visit is the one that is asked about, and any that is open in the same store: she may carry several tags.
WITH mine AS (
    SELECT
        t.message, t.campaign, t.tags, t.channel, t.store, t.at_ms,
        CASE WHEN t.visit <> '' AND (t.visit = :visit OR EXISTS (
            SELECT 1 FROM visits AS v WHERE v.id = t.visit AND v.store = :store AND v.left_ms IS NULL
        )) THEN 1 ELSE 0 END AS is_here
    FROM shoppers AS s
        INNER JOIN shoppers AS o ON o.person = s.person
        INNER JOIN touches AS t ON t.shopper = o.id
    WHERE s.id = :shopper
),
ranked AS (
    SELECT
        m.message, m.campaign, m.tags, m.channel, m.store, m.at_ms, m.is_here,
        ROW_NUMBER() OVER (ORDER BY m.at_ms DESC, m.message) AS place,
        ROW_NUMBER() OVER (
            PARTITION BY m.campaign, m.tags, m.channel, m.store ORDER BY m.at_ms DESC, m.message
        ) AS among
    FROM mine AS m
)
SELECT r.campaign, r.tags, r.channel, r.store, r.at_ms, r.is_here, (
    SELECT MAX(CASE
        WHEN x.kind = 'less' THEN 4
        WHEN x.kind = 'useful' OR d.opened_ms IS NOT NULL THEN 3
        WHEN x.kind = 'dismissed' THEN 2
        WHEN d.shown_ms IS NOT NULL THEN 1
        ELSE 0
    END)
    FROM deliveries AS d LEFT JOIN receipts AS x ON x.delivery = d.id
    WHERE d.message = r.message
) AS outcome
FROM ranked AS r
WHERE r.at_ms >= :since_ms AND r.place <= :newest OR r.among <= :each OR r.is_here = 1
ORDER BY r.at_ms DESC, r.message

-- name: touches.drop
DELETE FROM touches WHERE message IN (SELECT value FROM {json_each}(:messages{as_json}))

-- name: budgets.used
SELECT id, used FROM caps WHERE id IN (SELECT value FROM {json_each}(:ids{as_json}))

-- name: budgets.sweep
-- Counters of hours, days and months that are over: each was last written in its own window.
DELETE FROM caps WHERE updated_ms < :before_ms AND id LIKE 'budget:%' AND id NOT LIKE '%:ever'
