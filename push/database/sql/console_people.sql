-- One person as operators see her: each statement takes any facet of hers, and reads all of them.

-- name: persons.devices
SELECT d.id, d.platform, d.locale, d.seen_ms FROM shoppers AS s
    INNER JOIN shoppers AS o ON o.person = s.person
    INNER JOIN devices AS d ON d.shopper = o.id
WHERE s.id = :shopper ORDER BY d.seen_ms DESC, d.id LIMIT :most

-- name: persons.channels
SELECT d.id, a.channel FROM shoppers AS s
    INNER JOIN shoppers AS o ON o.person = s.person
    INNER JOIN devices AS d ON d.shopper = o.id
    INNER JOIN addresses AS a ON a.device = d.id
WHERE s.id = :shopper ORDER BY d.id, a.channel

-- name: persons.tags
SELECT b.id, b.name FROM shoppers AS s
    INNER JOIN shoppers AS o ON o.person = s.person
    INNER JOIN beacons AS b ON b.shopper = o.id
WHERE s.id = :shopper ORDER BY b.id LIMIT :most

-- name: persons.here
-- Where she is now.
SELECT v.store, v.entered_ms FROM shoppers AS s
    INNER JOIN shoppers AS o ON o.person = s.person
    INNER JOIN visits AS v ON v.shopper = o.id
WHERE s.id = :shopper AND v.left_ms IS NULL AND v.late = 0 ORDER BY v.entered_ms DESC LIMIT 1

-- name: persons.visits
SELECT v.id, v.store, v.entered_ms AS at_ms, v.left_ms, v.late FROM shoppers AS s
    INNER JOIN shoppers AS o ON o.person = s.person
    INNER JOIN visits AS v ON v.shopper = o.id
WHERE s.id = :shopper AND (v.entered_ms < :before_ms OR (v.entered_ms = :before_ms AND v.id < :before_id))
ORDER BY v.entered_ms DESC, v.id DESC LIMIT :most

-- name: persons.visit
SELECT v.id, v.store, v.entered_ms, v.left_ms, v.late FROM shoppers AS s
    INNER JOIN shoppers AS o ON o.person = s.person
    INNER JOIN visits AS v ON v.shopper = o.id
WHERE s.id = :shopper AND v.id = :visit

-- name: persons.stays
-- Where she stayed during one visit.
SELECT id, zone, entered_ms, left_ms FROM stays WHERE visit = :visit ORDER BY entered_ms, id LIMIT :most

-- name: persons.decisions
-- What was decided, and what became of it.
SELECT
    x.id, x.campaign, x.receipt, x.sealed, x.decided_ms AS at_ms, x.store, t.kind, t.zone, t.mark_s, c.definition,
    d.state, d.channel, d.reason, d.opened_ms, k.shopper AS key_of, k.month AS key_month, k.wrapped AS key_wrapped
FROM shoppers AS s
    INNER JOIN shoppers AS o ON o.person = s.person
    INNER JOIN decisions AS x ON x.shopper = o.id
    LEFT JOIN moments AS t ON t.id = x.moment
    LEFT JOIN campaigns AS c ON c.id = x.campaign
    LEFT JOIN messages AS m ON m.decision = x.id
    LEFT JOIN deliveries AS d ON d.message = m.id
    LEFT JOIN person_keys AS k ON k.shopper = x.shopper
WHERE s.id = :shopper AND (x.decided_ms < :before_ms OR (x.decided_ms = :before_ms AND x.id < :before_id))
ORDER BY x.decided_ms DESC, x.id DESC LIMIT :most

-- name: persons.messages
-- What others sent her; what was decided here stands among the decisions. Found by its deliveries: a message has one at
-- least, and messages without a decision are too many to look through.
SELECT m.id, m.source, m.basis, m.campaign, m.created_ms AS at_ms, d.state, d.channel, d.reason, d.opened_ms
FROM shoppers AS s
    INNER JOIN shoppers AS o ON o.person = s.person
    INNER JOIN deliveries AS d ON d.shopper = o.id
    INNER JOIN messages AS m ON m.id = d.message
WHERE s.id = :shopper AND COALESCE(m.decision, '') = ''
    AND (m.created_ms < :before_ms OR (m.created_ms = :before_ms AND m.id < :before_id))
ORDER BY m.created_ms DESC, m.id DESC LIMIT :most

-- name: persons.links
-- Of her facets, also those that lead to somebody else.
SELECT l.id, l.a, l.b, l.source, l.reason, l.at_ms, l.decided, l.state, r.why
FROM (
    SELECT n.* FROM shoppers AS s
        INNER JOIN shoppers AS o ON o.person = s.person
        INNER JOIN links AS n ON n.a = o.id
    WHERE s.id = :shopper
    UNION
    SELECT n.* FROM shoppers AS s
        INNER JOIN shoppers AS o ON o.person = s.person
        INNER JOIN links AS n ON n.b = o.id
    WHERE s.id = :shopper
) AS l
LEFT JOIN link_reviews AS r ON r.link = l.id AND r.closed_ms IS NULL
ORDER BY l.at_ms, l.id LIMIT :most

-- name: persons.facets_named
SELECT id, kind, person, created_ms FROM shoppers WHERE id IN (SELECT value FROM {json_each}(:ids{as_json})) ORDER BY id

-- name: persons.segments
SELECT g.id, g.name, m.since_ms FROM shoppers AS s
    INNER JOIN segment_members AS m ON m.person = s.person
    INNER JOIN segments AS g ON g.id = m.segment
WHERE s.id = :shopper AND g.id NOT LIKE '~%' ORDER BY g.name, g.id LIMIT :most
