-- name: identity.known
SELECT hash, shopper FROM identifiers WHERE hash IN (SELECT value FROM {json_each}(:hashes{as_json}))

-- name: identity.new_facet
INSERT INTO shoppers (id, traits, created_ms, person, kind) VALUES (:id, '{}', :created_ms, :id, :kind)
ON CONFLICT (id) DO NOTHING

-- name: identity.new_identifier
INSERT INTO identifiers (hash, kind, shopper, sealed, first_ms) VALUES (:hash, :kind, :shopper, :sealed, :first_ms)
ON CONFLICT (hash) DO NOTHING

-- name: identity.identifiers_of
SELECT hash, kind, shopper, sealed, first_ms FROM identifiers
WHERE shopper IN (SELECT value FROM {json_each}(:ids{as_json})) ORDER BY first_ms, hash

-- name: identity.persons
SELECT id, person FROM shoppers WHERE id IN (SELECT value FROM {json_each}(:ids{as_json}))

-- name: identity.facets
-- Of everybody whom one of these facets is of.
SELECT DISTINCT o.id, o.kind, o.person, o.created_ms FROM shoppers AS s INNER JOIN shoppers AS o ON o.person = s.person
WHERE s.id IN (SELECT value FROM {json_each}(:ids{as_json})) ORDER BY o.id

-- name: identity.hold
-- In one order, so that two who merge the same people wait for each other and never both.
SELECT id, kind, person FROM shoppers WHERE id IN (SELECT value FROM {json_each}(:ids{as_json}))
ORDER BY id {for_no_key_update}

-- name: identity.look
SELECT id, kind, person FROM shoppers WHERE id IN (SELECT value FROM {json_each}(:ids{as_json})) ORDER BY id

-- name: identity.links_of
SELECT l.id, l.a, l.b, l.said, l.at_ms, l.decided, l.state, l.vouched, one.kind AS a_kind, other.kind AS b_kind, r.why
FROM (
    SELECT * FROM links WHERE a IN (SELECT value FROM {json_each}(:ids{as_json}))
    UNION
    SELECT * FROM links WHERE b IN (SELECT value FROM {json_each}(:ids{as_json}))
) AS l
INNER JOIN shoppers AS one ON one.id = l.a
INNER JOIN shoppers AS other ON other.id = l.b
LEFT JOIN link_reviews AS r ON r.link = l.id AND r.closed_ms IS NULL

-- name: identity.links
SELECT id, a, b, source, reason, said, at_ms, received_ms, decided, state FROM links
WHERE id IN (SELECT value FROM {json_each}(:ids{as_json})) ORDER BY at_ms, id

-- name: identity.put_link
INSERT INTO links (id, a, b, source, reason, said, at_ms, received_ms, decided, state, vouched)
VALUES (:id, :a, :b, :source, :reason, :said, :at_ms, :received_ms, '', :state, :vouched)
ON CONFLICT (id) DO UPDATE SET
    source = excluded.source, reason = excluded.reason, said = excluded.said, at_ms = excluded.at_ms,
    received_ms = excluded.received_ms, state = excluded.state,
    vouched = CASE WHEN links.vouched = 1 THEN 1 ELSE excluded.vouched END

-- name: identity.unvouched
-- Of these links those that rest on nothing but an operator's hand.
SELECT l.id, one.kind AS a_kind, other.kind AS b_kind FROM links AS l
INNER JOIN shoppers AS one ON one.id = l.a
INNER JOIN shoppers AS other ON other.id = l.b
WHERE l.vouched = 0 AND l.id IN (SELECT value FROM {json_each}(:ids{as_json}))

-- name: identity.vouch
UPDATE links SET vouched = 1 WHERE id IN (SELECT value FROM {json_each}(:ids{as_json}))

-- name: identity.unvouched_devices
-- Those of these devices that an operator registered for somebody.
SELECT id FROM devices WHERE vouched = 0 AND id IN (SELECT value FROM {json_each}(:ids{as_json}))

-- name: identity.devices
SELECT id, shopper FROM devices WHERE id IN (SELECT value FROM {json_each}(:ids{as_json}))

-- name: identity.device
SELECT shopper, vouched FROM devices WHERE id = :id

-- name: identity.drop_link
DELETE FROM links WHERE id = :id

-- name: identity.set_state
UPDATE links SET state = :state WHERE id = :id

-- name: identity.set_person
UPDATE shoppers SET person = :person WHERE id = :id

-- name: identity.decide
UPDATE links SET decided = :decided WHERE id = :id

-- name: identity.note_decision
INSERT INTO link_decisions (id, link, decision, decided_by, why, at_ms)
VALUES (:id, :link, :decision, :decided_by, :why, :at_ms)

-- name: identity.decisions_of
SELECT id, link, decision, decided_by, why, at_ms FROM link_decisions
WHERE link IN (SELECT value FROM {json_each}(:ids{as_json})) ORDER BY at_ms, id

-- name: identity.open_review
INSERT INTO link_reviews (link, rule, why, opened_ms, closed_ms, closed_by)
VALUES (:link, :rule, :why, :opened_ms, NULL, NULL)
ON CONFLICT (link) DO UPDATE SET
    rule = excluded.rule, why = excluded.why, opened_ms = excluded.opened_ms, closed_ms = NULL, closed_by = NULL

-- name: identity.drop_review
DELETE FROM link_reviews WHERE link = :link AND closed_ms IS NULL

-- name: identity.close_review
UPDATE link_reviews SET closed_ms = :at_ms, closed_by = :by WHERE link = :link AND closed_ms IS NULL

-- name: identity.reviews
SELECT link, rule, why, opened_ms FROM link_reviews
WHERE closed_ms IS NULL AND (opened_ms > :after_ms OR (opened_ms = :after_ms AND link > :after_link))
ORDER BY opened_ms, link LIMIT :most

-- name: identity.review
SELECT rule, why FROM link_reviews WHERE link = :link AND closed_ms IS NULL

-- name: identity.party_facets
SELECT id, person FROM shoppers WHERE id IN (SELECT value FROM {json_each}(:ids{as_json})) ORDER BY id

-- name: identity.party_events
SELECT
    s.person, COUNT(*) AS events, SUM(CASE WHEN t.kind = 'track' AND t.name = 'Order Completed' THEN 1 ELSE 0 END) AS orders
FROM shoppers AS s INNER JOIN tracked AS t ON t.shopper = s.id
WHERE s.id IN (SELECT value FROM {json_each}(:ids{as_json})) GROUP BY s.person

-- name: identity.party_consents
SELECT DISTINCT s.person, c.purpose FROM shoppers AS s INNER JOIN consents AS c ON c.shopper = s.id
WHERE c.granted = 1 AND s.id IN (SELECT value FROM {json_each}(:ids{as_json})) ORDER BY s.person, c.purpose

-- name: identity.told_links
-- Links as people see them: between whom, said by whom and why, and what became of them.
SELECT
    l.id, l.a, l.b, l.source, l.reason, l.at_ms, l.received_ms, l.state, one.kind AS a_kind, one.person AS a_person,
    other.kind AS b_kind, other.person AS b_person, r.why
FROM links AS l
INNER JOIN shoppers AS one ON one.id = l.a
INNER JOIN shoppers AS other ON other.id = l.b
LEFT JOIN link_reviews AS r ON r.link = l.id AND r.closed_ms IS NULL
WHERE l.id IN (SELECT value FROM {json_each}(:ids{as_json})) ORDER BY l.at_ms, l.id

-- name: identity.named
SELECT id, created_ms FROM shoppers
WHERE kind = :kind AND id IN (SELECT value FROM {json_each}(:ids{as_json}))
