-- name: segments.version
SELECT value FROM counters WHERE id = 'segments'

-- name: segments.hold_version
SELECT value FROM counters WHERE id = 'segments' {for_share}

-- name: segments.changed
UPDATE counters SET value = value + 1 WHERE id = 'segments'

-- name: segments.rules
SELECT s.id, s.rule, CASE WHEN b.segment IS NULL THEN 0 ELSE 1 END AS building
FROM segments AS s LEFT JOIN segment_builds AS b ON b.segment = s.id
ORDER BY s.id

-- name: segments.get
SELECT
    s.id, s.name, s.description, s.rule, s.revision, s.changed_by, s.changed_ms, c.members, b.begun_ms, b.done, b.total
FROM segments AS s
    INNER JOIN segment_counts AS c ON c.segment = s.id
    LEFT JOIN segment_builds AS b ON b.segment = s.id
WHERE s.id = :id

-- name: segments.page
SELECT
    s.id, s.name, s.description, s.rule, s.revision, s.changed_by, s.changed_ms, c.members, b.begun_ms, b.done, b.total
FROM segments AS s
    INNER JOIN segment_counts AS c ON c.segment = s.id
    LEFT JOIN segment_builds AS b ON b.segment = s.id
WHERE s.id > :after AND s.id NOT LIKE '~%' ORDER BY s.id LIMIT :most

-- name: segments.inner
-- Those that are rooms' own.
SELECT id, rule FROM segments WHERE id LIKE '~%' ORDER BY id

-- name: segments.put
INSERT INTO segments (id, name, description, rule, places, changed_by, changed_ms)
VALUES (:id, :name, :description, :rule, :places, :changed_by, :changed_ms)
ON CONFLICT (id) DO UPDATE SET
    name = excluded.name, description = excluded.description, rule = excluded.rule, places = excluded.places,
    changed_by = excluded.changed_by, changed_ms = excluded.changed_ms, revision = segments.revision + 1

-- name: segments.put_count
INSERT INTO segment_counts (segment, members) VALUES (:segment, 0) ON CONFLICT (segment) DO NOTHING

-- name: segments.delete
DELETE FROM segments WHERE id = :id

-- name: segments.of
-- What these people are in, as it is kept.
SELECT m.person, m.segment, m.since_ms FROM segment_members AS m
WHERE m.person IN (SELECT value FROM {json_each}(:people{as_json}))

-- name: segments.person
SELECT person FROM shoppers WHERE id = :shopper

-- name: segments.persons
-- Whom these facets belong to now.
SELECT id, person FROM shoppers WHERE id IN (SELECT value FROM {json_each}(:people{as_json}))

-- name: segments.claim
-- Let others who look at these people wait until this is committed.
INSERT INTO segment_people (person, due_ms)
SELECT id, NULL FROM shoppers WHERE id IN (SELECT value FROM {json_each}(:people{as_json})) ORDER BY id
ON CONFLICT (person) DO UPDATE SET due_ms = segment_people.due_ms

-- name: segments.vanish
-- Somebody is part of another person now, which is to be looked at.
INSERT INTO segment_parted (person, segment, since_ms)
SELECT id, '', 0 FROM shoppers WHERE id = :person AND EXISTS (SELECT 1 FROM segments)
ON CONFLICT (person, segment) DO NOTHING

-- name: segments.part
-- Somebody is a person of her own again: what she was in with others. Nothing, where nobody looked at that meanwhile.
INSERT INTO segment_parted (person, segment, since_ms)
SELECT s.id, m.segment, m.since_ms FROM shoppers AS s INNER JOIN segment_members AS m ON m.person = :former
WHERE s.id = :person
    AND NOT EXISTS (SELECT 1 FROM segment_parted AS p WHERE p.person = :person AND p.segment = '')
ON CONFLICT (person, segment) DO NOTHING

-- name: segments.parted
SELECT p.person, p.segment, p.since_ms
FROM segment_parted AS p INNER JOIN shoppers AS s ON s.id = p.person
WHERE s.person IN (SELECT value FROM {json_each}(:people{as_json}))

-- name: segments.drop_parted
DELETE FROM segment_parted WHERE person = :person AND segment = :segment

-- name: segments.dues
SELECT person, due_ms FROM segment_people WHERE person IN (SELECT value FROM {json_each}(:people{as_json}))

-- name: segments.put_due
UPDATE segment_people SET due_ms = :due_ms WHERE person = :person

-- name: segments.concerned
-- Whom these facets belong to, and whoever of her stood for somebody before.
SELECT o.person FROM shoppers AS o WHERE o.id IN (SELECT value FROM {json_each}(:people{as_json}))
UNION
SELECT p.person FROM shoppers AS o
    INNER JOIN shoppers AS s ON s.person = o.person
    INNER JOIN segment_people AS p ON p.person = s.id
WHERE o.id IN (SELECT value FROM {json_each}(:people{as_json}))

-- name: segments.look_again
-- Something happened to whoever this facet belongs to: she is looked at soon.
INSERT INTO segment_people (person, due_ms)
SELECT person, :now_ms FROM shoppers WHERE id = :shopper
ON CONFLICT (person) DO UPDATE SET due_ms = excluded.due_ms

-- name: segments.look_at_visit
-- A visit, or a stay of one, began or ended.
INSERT INTO segment_people (person, due_ms)
SELECT s.person, :now_ms FROM visits AS v INNER JOIN shoppers AS s ON s.id = v.shopper
WHERE v.id IN (:visit, (SELECT t.visit FROM stays AS t WHERE t.id = :visit))
    AND EXISTS (SELECT 1 FROM segments WHERE places = 1)
ON CONFLICT (person) DO UPDATE SET due_ms = excluded.due_ms

-- name: segments.due
SELECT person FROM segment_people WHERE due_ms <= :now_ms ORDER BY due_ms, person LIMIT :most {skip_locked}

-- name: segments.enter
INSERT INTO segment_members (segment, person, since_ms) VALUES (:segment, :person, :since_ms)
ON CONFLICT (segment, person) DO NOTHING

-- name: segments.leave
DELETE FROM segment_members WHERE segment = :segment AND person = :person

-- name: segments.count
UPDATE segment_counts SET members = members + :n WHERE segment = :segment

-- name: segments.recount
UPDATE segment_counts SET members = (
    SELECT COUNT(*) FROM segment_members WHERE segment_members.segment = segment_counts.segment
)
WHERE segment = :segment

-- name: segments.take
UPDATE counters SET value = value + :n WHERE id = 'segment_moves' RETURNING value

-- name: segments.move
INSERT INTO segment_moves (seq, segment, person, kind, at_ms) VALUES (:seq, :segment, :person, :kind, :at_ms)

-- name: segments.moves
SELECT seq, segment, person, kind, at_ms FROM segment_moves WHERE seq > :after_seq ORDER BY seq LIMIT :most

-- name: segments.prune
DELETE FROM segment_moves WHERE seq IN (
    SELECT seq FROM segment_moves WHERE at_ms < :before_ms ORDER BY at_ms LIMIT :most
)

-- name: segments.begin_build
INSERT INTO segment_builds (segment, begun_ms, after_person, done, total) VALUES (:segment, :now_ms, '', 0, :total)
ON CONFLICT (segment) DO UPDATE SET
    begun_ms = excluded.begun_ms, after_person = '', done = 0, total = excluded.total

-- name: segments.build
SELECT segment, after_person, done, begun_ms FROM segment_builds ORDER BY begun_ms, segment LIMIT 1 {for_update}

-- name: segments.built
UPDATE segment_builds SET
    after_person = :after_person, done = done + :n,
    total = CASE WHEN total < done + :n THEN done + :n ELSE total END
WHERE segment = :segment

-- name: segments.end_build
DELETE FROM segment_builds WHERE segment = :segment AND begun_ms = :begun_ms AND after_person = :after_person

-- name: segments.total
SELECT COUNT(*) AS n FROM shoppers WHERE person = id

-- name: segments.people
SELECT id FROM shoppers WHERE id > :after AND person = id ORDER BY id LIMIT :most

-- name: segments.members
SELECT person, since_ms FROM segment_members WHERE segment = :segment AND person > :after ORDER BY person LIMIT :most

-- name: segments.both
SELECT COUNT(*) AS n FROM segment_members AS a INNER JOIN segment_members AS b ON b.person = a.person
WHERE a.segment = :a AND b.segment = :b

-- name: segments.consents
-- What these people agreed to; without facets that are part of another person.
SELECT c.shopper AS person, c.purpose, c.granted FROM consents AS c
    INNER JOIN shoppers AS s ON s.id = c.shopper AND s.person = s.id
WHERE c.shopper IN (SELECT value FROM {json_each}(:people{as_json}))

-- name: segments.known
SELECT person, MIN(created_ms) AS since_ms FROM shoppers
WHERE person IN (SELECT value FROM {json_each}(:people{as_json}))
GROUP BY person

-- name: segments.seen
-- When anything of hers was last told of or heard: an event, a visit, which may go on.
SELECT
    o.person,
    MAX((SELECT MAX(t.at_ms) FROM tracked AS t WHERE t.shopper = o.id)) AS told_ms,
    MAX((SELECT MAX(COALESCE(v.left_ms, :now_ms)) FROM visits AS v WHERE v.shopper = o.id)) AS left_ms
FROM shoppers AS o WHERE o.person IN (SELECT value FROM {json_each}(:people{as_json}))
GROUP BY o.person

-- name: segments.devices
SELECT o.person, d.platform, d.locale FROM shoppers AS o INNER JOIN devices AS d ON d.shopper = o.id
WHERE o.person IN (SELECT value FROM {json_each}(:people{as_json}))
ORDER BY d.id

-- name: segments.visits
SELECT o.person, v.id, v.store, v.entered_ms, v.left_ms FROM shoppers AS o INNER JOIN visits AS v ON v.shopper = o.id
WHERE o.person IN (SELECT value FROM {json_each}(:people{as_json})) AND v.entered_ms >= :since_ms
ORDER BY v.entered_ms, v.id

-- name: segments.stays
SELECT t.visit, t.store, t.zone, t.entered_ms, t.left_ms FROM stays AS t
WHERE t.visit IN (SELECT value FROM {json_each}(:visits{as_json}))
ORDER BY t.entered_ms, t.id

-- name: segments.events
-- The latest of each person, with what was said of them sealed.
SELECT id, shopper, person, name, at_ms, sealed FROM (
    SELECT
        t.id, t.shopper, o.person, t.name, t.at_ms, t.sealed,
        ROW_NUMBER() OVER (PARTITION BY o.person ORDER BY t.at_ms DESC, t.id) AS place
    FROM shoppers AS o INNER JOIN tracked AS t ON t.shopper = o.id
    WHERE o.person IN (SELECT value FROM {json_each}(:people{as_json}))
        AND t.kind = 'track' AND t.name IN (SELECT value FROM {json_each}(:names{as_json}))
) AS told
WHERE place <= :most
ORDER BY at_ms, id

-- name: segments.forget_moves
DELETE FROM segment_moves WHERE person IN (SELECT value FROM {json_each}(:people{as_json}))

-- name: segments.forget_people
DELETE FROM segment_people WHERE person IN (SELECT value FROM {json_each}(:people{as_json}))

-- name: segments.peek_due
SELECT 1 AS found FROM segment_people WHERE due_ms <= :now_ms LIMIT 1

-- name: segments.peek_build
SELECT 1 AS found FROM segment_builds LIMIT 1

-- name: segments.peek_old
SELECT 1 AS found FROM segment_moves WHERE at_ms < :before_ms LIMIT 1
