-- What people were sent, which caps count, and budgets of messages to everybody.

-- name: touches.put
INSERT INTO touches (message, shopper, campaign, tags, channel, store, visit, at_ms)
VALUES (:message, :shopper, :campaign, :tags, :channel, :store, :visit, :at_ms)
ON CONFLICT (message) DO NOTHING

-- name: touches.of
-- What every facet of these people was sent: since a time, in visits that are asked about, and before that as many of each
-- kind as a cap may count. Visits that are open in one of `stores` are told, too: she may carry several tags.
WITH mine AS (
    SELECT
        s.id AS shopper, t.message, t.campaign, t.tags, t.channel, t.store, t.at_ms, t.visit, CASE WHEN t.visit <> '' THEN (
            SELECT v.store FROM visits AS v WHERE v.id = t.visit AND v.left_ms IS NULL
        ) END AS open_in
    FROM shoppers AS s
        INNER JOIN shoppers AS o ON o.person = s.person
        INNER JOIN touches AS t ON t.shopper = o.id
    WHERE s.id IN (SELECT value FROM {json_each}(:shoppers{as_json}))
),
ranked AS (
    SELECT
        m.shopper, m.message, m.campaign, m.tags, m.channel, m.store, m.at_ms, m.visit, m.open_in,
        ROW_NUMBER() OVER (PARTITION BY m.shopper ORDER BY m.at_ms DESC, m.message) AS place,
        ROW_NUMBER() OVER (
            PARTITION BY m.shopper, m.campaign, m.tags, m.channel, m.store ORDER BY m.at_ms DESC, m.message
        ) AS among
    FROM mine AS m
)
SELECT r.shopper, r.campaign, r.tags, r.channel, r.store, r.at_ms, r.visit, r.open_in, (
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
WHERE r.at_ms >= :since_ms AND r.place <= :newest OR r.among <= :each
    OR r.visit IN (SELECT value FROM {json_each}(:visits{as_json}))
    OR r.open_in IN (SELECT value FROM {json_each}(:stores{as_json}))
ORDER BY r.at_ms DESC, r.message

-- name: touches.drop
DELETE FROM touches WHERE message IN (SELECT value FROM {json_each}(:messages{as_json}))

-- name: budgets.used
SELECT c.id, c.used - (SELECT coalesce(sum(b.free), 0) FROM budget_blocks AS b WHERE b.counter = c.id) AS used
FROM caps AS c WHERE c.id IN (SELECT value FROM {json_each}(:ids{as_json}))

-- name: budgets.take
-- Of a block that nobody holds: only while the budget is as large as when it was leased.
UPDATE budget_blocks SET free = free - 1 WHERE id = (
    SELECT b.id FROM budget_blocks AS b WHERE b.counter = :counter AND b.free > 0
    AND EXISTS (SELECT 1 FROM caps AS c WHERE c.id = :counter AND c.used <= :most)
    ORDER BY b.id LIMIT 1 {skip_locked}
)

-- name: budgets.counted
SELECT used FROM caps WHERE id = :id {for_no_key_update}

-- name: budgets.lease
INSERT INTO caps (id, used, updated_ms) VALUES (:id, :many, :updated_ms)
ON CONFLICT (id) DO UPDATE SET used = caps.used + :many, updated_ms = excluded.updated_ms
WHERE caps.used + :many <= :most

-- name: budgets.refill
UPDATE budget_blocks SET free = free + :free WHERE id = (
    SELECT b.id FROM budget_blocks AS b WHERE b.counter = :counter AND b.free = 0
    ORDER BY b.id LIMIT 1 {skip_locked}
)

-- name: budgets.block
INSERT INTO budget_blocks (id, counter, free) VALUES (:id, :counter, :free)

-- name: budgets.free
SELECT id, free FROM budget_blocks WHERE counter = :counter AND free > 0 ORDER BY id {skip_locked}

-- name: budgets.empty
UPDATE budget_blocks SET free = 0 WHERE id IN (SELECT value FROM {json_each}(:ids{as_json}))

-- name: budgets.recall
UPDATE caps SET used = used - :free, updated_ms = :updated_ms WHERE id = :id

-- name: budgets.sweep
-- Counters of hours, days and months that are over: each was last written in its own window.
DELETE FROM caps WHERE updated_ms < :before_ms AND id LIKE 'budget:%' AND id NOT LIKE '%:ever'
