-- name: collect.known
SELECT id FROM tracked WHERE id IN (SELECT value FROM {json_each}(:ids{as_json}))

-- name: collect.track
INSERT INTO tracked (id, shopper, kind, name, source, at_ms, received_ms, sealed)
VALUES (:id, :shopper, :kind, :name, :source, :at_ms, :received_ms, :sealed)
ON CONFLICT (id) DO NOTHING

-- name: collect.profiled
-- Which of these facets may be profiled as things stand.
SELECT c.shopper FROM consents AS c
WHERE c.purpose = 'profiling' AND c.granted = 1 AND c.shopper IN (SELECT value FROM {json_each}(:shoppers{as_json}))

-- name: collect.words
-- Everything that was said of profiling by whoever these facets are of, the oldest first; of one time a refusal last.
SELECT s.id AS shopper, h.at_ms, h.again_ms, h.granted, h.claimed FROM shoppers AS s
    INNER JOIN shoppers AS o ON o.person = s.person
    INNER JOIN consent_history AS h ON h.shopper = o.id
WHERE h.purpose = 'profiling' AND h.pending = 0 AND s.id IN (SELECT value FROM {json_each}(:shoppers{as_json}))
ORDER BY s.id, h.at_ms, h.granted DESC

-- name: collect.timeline
-- What was said of a person, under whichever identifier, the newest first.
SELECT t.id, t.shopper, t.kind, t.name, t.source, t.at_ms, t.received_ms, t.sealed FROM shoppers AS s
    INNER JOIN shoppers AS o ON o.person = s.person
    INNER JOIN tracked AS t ON t.shopper = o.id
WHERE s.id = :shopper AND (t.at_ms < :before_ms OR (t.at_ms = :before_ms AND t.id < :before_id))
ORDER BY t.at_ms DESC, t.id DESC LIMIT :most
