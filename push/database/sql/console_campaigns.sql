-- What the console shows of campaigns: how they do today, what was decided, and one decision.

-- name: console_campaigns.day
-- Of each campaign since a time: how much it sent, how much of that was shown and opened, and when it spoke last. What
-- never left is not counted.
SELECT
    t.campaign, COUNT(DISTINCT t.message) AS sent,
    COUNT(DISTINCT CASE WHEN d.shown_ms IS NOT NULL OR d.opened_ms IS NOT NULL THEN t.message END) AS shown,
    COUNT(DISTINCT CASE WHEN d.opened_ms IS NOT NULL THEN t.message END) AS opened,
    MAX(t.at_ms) AS last_ms
FROM touches AS t LEFT JOIN deliveries AS d ON d.message = t.message
WHERE t.at_ms >= :since_ms
GROUP BY t.campaign

-- name: console_campaigns.states
SELECT state, COUNT(*) AS n FROM campaigns GROUP BY state

-- name: console_campaigns.latest
-- The latest decisions, with why.
SELECT
    x.id, x.campaign, x.receipt, x.sealed, x.decided_ms, x.store,
    k.shopper AS key_of, k.month AS key_month, k.wrapped AS key_wrapped
FROM decisions AS x LEFT JOIN person_keys AS k ON k.shopper = x.shopper
WHERE x.decided_ms >= :since_ms
ORDER BY x.decided_ms DESC, x.id LIMIT :most

-- name: console_campaigns.decisions
-- Decisions of a time, newest first, of one campaign or of all (NULL), of one store or of those that she sees.
SELECT
    x.id, x.campaign, x.receipt, x.sealed, x.decided_ms, x.store, p.person, o.kind, o.zone, o.mark_s,
    k.shopper AS key_of, k.month AS key_month, k.wrapped AS key_wrapped
FROM decisions AS x
    INNER JOIN shoppers AS p ON p.id = x.shopper
    LEFT JOIN moments AS o ON o.id = x.moment
    LEFT JOIN person_keys AS k ON k.shopper = x.shopper
WHERE x.decided_ms >= :since_ms AND x.decided_ms <= :upto_ms
    AND (x.decided_ms < :upto_ms OR x.id > :after)
    AND (CAST(:campaign AS TEXT) IS NULL OR x.campaign = :campaign)
    AND (:everywhere = 1 OR x.store IN (SELECT value FROM {json_each}(:stores{as_json})))
ORDER BY x.decided_ms DESC, x.id LIMIT :most

-- name: console_campaigns.decisions_of
-- The same of one person, under all facets of hers.
SELECT
    x.id, x.campaign, x.receipt, x.sealed, x.decided_ms, x.store, s.person, o.kind, o.zone, o.mark_s,
    k.shopper AS key_of, k.month AS key_month, k.wrapped AS key_wrapped
FROM shoppers AS s
    INNER JOIN shoppers AS f ON f.person = s.person
    INNER JOIN decisions AS x ON x.shopper = f.id
    LEFT JOIN moments AS o ON o.id = x.moment
    LEFT JOIN person_keys AS k ON k.shopper = x.shopper
WHERE s.id = :person AND x.decided_ms >= :since_ms AND x.decided_ms <= :upto_ms
    AND (x.decided_ms < :upto_ms OR x.id > :after)
    AND (CAST(:campaign AS TEXT) IS NULL OR x.campaign = :campaign)
    AND (:everywhere = 1 OR x.store IN (SELECT value FROM {json_each}(:stores{as_json})))
ORDER BY x.decided_ms DESC, x.id LIMIT :most

-- name: console_campaigns.decision
SELECT
    x.id, x.moment, x.shopper, x.campaign, x.receipt, x.sealed, x.decided_ms, x.store, p.person,
    o.kind, o.zone, o.mark_s, o.at_ms,
    k.shopper AS key_of, k.month AS key_month, k.wrapped AS key_wrapped
FROM decisions AS x
    INNER JOIN shoppers AS p ON p.id = x.shopper
    LEFT JOIN moments AS o ON o.id = x.moment
    LEFT JOIN person_keys AS k ON k.shopper = x.shopper
WHERE x.id = :id

-- name: console_campaigns.said
-- What a decision said, and what became of it; the way that was taken first comes first.
SELECT
    m.id, m.content, m.sealed, d.state, d.channel, d.reason, d.heard_ms, d.received_ms, d.resolved_ms, d.decided_ms,
    d.handed_over_ms, d.accepted_ms, d.shown_ms, d.opened_ms,
    k.shopper AS key_of, k.month AS key_month, k.wrapped AS key_wrapped
FROM messages AS m
    INNER JOIN deliveries AS d ON d.message = m.id
    LEFT JOIN person_keys AS k ON k.shopper = m.shopper
WHERE m.decision = :decision
ORDER BY d.seq, d.id LIMIT 1

-- name: console_campaigns.names
SELECT id, definition FROM campaigns WHERE id IN (SELECT value FROM {json_each}(:ids{as_json}))
