-- What operators look at afterwards; those who are kept to some stores see what happened there.

-- name: insight.decisions
SELECT
    x.id, x.moment, p.person AS shopper, x.store, x.campaign, x.receipt, x.sealed, x.decided_ms,
    k.shopper AS key_of, k.month AS key_month, k.wrapped AS key_wrapped
FROM decisions AS x
    INNER JOIN shoppers AS p ON p.id = x.shopper
    LEFT JOIN person_keys AS k ON k.shopper = x.shopper
WHERE x.decided_ms >= :since_ms
    AND (:everywhere = 1 OR x.store IN (SELECT value FROM {json_each}(:stores{as_json})))
ORDER BY x.decided_ms, x.id LIMIT :most

-- name: insight.decisions_of
SELECT
    x.id, x.moment, p.person AS shopper, x.store, x.campaign, x.receipt, x.sealed, x.decided_ms,
    k.shopper AS key_of, k.month AS key_month, k.wrapped AS key_wrapped
FROM decisions AS x
    INNER JOIN shoppers AS p ON p.id = x.shopper
    LEFT JOIN person_keys AS k ON k.shopper = x.shopper
WHERE x.shopper IN (SELECT o.id FROM shoppers AS s INNER JOIN shoppers AS o ON o.person = s.person WHERE s.id = :shopper)
    AND (:everywhere = 1 OR x.store IN (SELECT value FROM {json_each}(:stores{as_json})))
ORDER BY x.decided_ms DESC, x.id LIMIT :most

-- name: insight.visits
SELECT id, store, shopper, entered_ms, left_ms, heard_ms, late FROM visits
WHERE entered_ms >= :since_ms
    AND (:everywhere = 1 OR store IN (SELECT value FROM {json_each}(:stores{as_json})))
ORDER BY entered_ms, id LIMIT :most

-- name: insight.moments
SELECT id, kind, store, zone, shopper, visit, mark_s, at_ms, heard_ms, received_ms FROM moments
WHERE at_ms >= :since_ms
    AND (:everywhere = 1 OR store IN (SELECT value FROM {json_each}(:stores{as_json})))
ORDER BY at_ms, id LIMIT :most
