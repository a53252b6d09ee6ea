-- name: console.day_spoken
-- How often stores decided since a time, and how often to say something, by quarter of an hour.
SELECT store, (decided_ms - :since_ms) / 900000 AS quarter, COUNT(*) AS decided, COUNT(campaign) AS spoken FROM decisions
WHERE store IN (SELECT value FROM {json_each}(:stores{as_json})) AND decided_ms >= :since_ms
GROUP BY store, (decided_ms - :since_ms) / 900000

-- name: console.day_deliveries
-- The latest that were handed over: when they were heard, decided, handed over and opened.
SELECT x.store, d.heard_ms, d.decided_ms, d.handed_over_ms, d.opened_ms, d.shopper
FROM decisions AS x
INNER JOIN messages AS m ON m.decision = x.id
INNER JOIN deliveries AS d ON d.message = m.id
WHERE x.store IN (SELECT value FROM {json_each}(:stores{as_json})) AND x.decided_ms >= :since_ms
    AND x.campaign IS NOT NULL AND d.handed_over_ms IS NOT NULL
ORDER BY x.decided_ms DESC LIMIT :most

-- name: console.day_came
-- Visits by the quarter of an hour in which they began.
SELECT store, (entered_ms - :since_ms) / 900000 AS quarter, COUNT(*) AS visits FROM visits
WHERE store IN (SELECT value FROM {json_each}(:stores{as_json})) AND entered_ms >= :since_ms
GROUP BY store, (entered_ms - :since_ms) / 900000

-- name: console.day_went
-- And by that in which they ended.
SELECT store, (left_ms - :since_ms) / 900000 AS quarter, COUNT(*) AS visits FROM visits
WHERE store IN (SELECT value FROM {json_each}(:stores{as_json})) AND entered_ms >= :since_ms AND left_ms >= :since_ms
GROUP BY store, (left_ms - :since_ms) / 900000

-- name: console.latest_decisions
-- What a store decided last, and what became of what it said.
SELECT
    x.id, x.campaign, x.receipt, x.sealed, x.decided_ms, x.shopper, o.kind, o.zone, o.mark_s, c.definition,
    d.state, d.reason, d.heard_ms, d.handed_over_ms, d.opened_ms, d.ended_ms,
    k.shopper AS key_of, k.month AS key_month, k.wrapped AS key_wrapped
FROM decisions AS x
INNER JOIN moments AS o ON o.id = x.moment
LEFT JOIN campaigns AS c ON c.id = x.campaign
LEFT JOIN messages AS m ON m.decision = x.id
LEFT JOIN deliveries AS d ON d.message = m.id
LEFT JOIN person_keys AS k ON k.shopper = x.shopper
WHERE x.store = :store AND x.decided_ms >= :since_ms
ORDER BY x.decided_ms DESC, x.id LIMIT :most

-- name: console.latest_visits
SELECT id, entered_ms FROM visits
WHERE store = :store AND entered_ms >= :since_ms AND late = 0
ORDER BY entered_ms DESC, id LIMIT :most

-- name: console.gateway_states
-- What the gateways of a store last said of themselves.
SELECT g.id, g.name, s.state, s.received_ms FROM gateways AS g LEFT JOIN gateway_status AS s ON s.gateway = g.id
WHERE g.store = :store ORDER BY g.id

-- name: console.gateway_states_of
SELECT g.id, g.store, s.state, s.received_ms FROM gateways AS g LEFT JOIN gateway_status AS s ON s.gateway = g.id
WHERE g.store IN (SELECT value FROM {json_each}(:stores{as_json})) ORDER BY g.id

-- name: console.gateway_status
SELECT state, status, received_ms FROM gateway_status WHERE gateway = :gateway

-- name: console.just_pushed
-- To whom something was just handed over that a store decided.
SELECT DISTINCT x.shopper FROM decisions AS x
INNER JOIN messages AS m ON m.decision = x.id
INNER JOIN deliveries AS d ON d.message = m.id
WHERE x.store = :store AND x.decided_ms >= :since_ms AND x.campaign IS NOT NULL AND d.handed_over_ms >= :since_ms
