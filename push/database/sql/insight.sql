-- What operators look at afterwards; those who are kept to some stores see what happened there.

-- name: insight.decisions
SELECT id, moment, shopper, store, campaign, receipt, decided_ms FROM decisions
WHERE decided_ms >= :since_ms
    AND (:everywhere = 1 OR store IN (SELECT value FROM {json_each}(:stores{as_json})))
ORDER BY decided_ms, id LIMIT :most

-- name: insight.decisions_of
SELECT id, moment, shopper, store, campaign, receipt, decided_ms FROM decisions
WHERE shopper IN (SELECT o.id FROM shoppers AS s INNER JOIN shoppers AS o ON o.person = s.person WHERE s.id = :shopper)
    AND (:everywhere = 1 OR store IN (SELECT value FROM {json_each}(:stores{as_json})))
ORDER BY decided_ms DESC, id LIMIT :most

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
