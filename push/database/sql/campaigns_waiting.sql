-- name: waiting.put
INSERT INTO waiting (id, shopper, campaign, kind, store, due_ms, until_ms, occasion, made_ms)
VALUES (:id, :shopper, :campaign, :kind, :store, :due_ms, :until_ms, :occasion, :made_ms)
ON CONFLICT (id) DO UPDATE SET
    store = excluded.store, due_ms = excluded.due_ms, until_ms = excluded.until_ms, occasion = excluded.occasion,
    made_ms = excluded.made_ms, tries = 0

-- name: waiting.trim
-- Of what waits for somebody, the latest stay; many events push nothing else out.
DELETE FROM waiting WHERE id IN (
    SELECT x.id FROM (
        SELECT
            w.id,
            ROW_NUMBER() OVER (
                PARTITION BY CASE WHEN w.kind IN ('event', 'done') THEN w.kind ELSE '' END
                ORDER BY w.made_ms DESC, w.id
            ) AS place
        FROM waiting AS w WHERE w.shopper = :shopper
    ) AS x
    WHERE x.place > :most
)

-- name: waiting.people
-- Whose time has come, of those who wait longest; who is gone stands for herself.
SELECT DISTINCT COALESCE(s.person, x.shopper) AS person
FROM (SELECT w.shopper FROM waiting AS w WHERE w.due_ms <= :now_ms ORDER BY w.due_ms, w.id LIMIT :most) AS x
    LEFT JOIN shoppers AS s ON s.id = x.shopper
ORDER BY person

-- name: waiting.take
-- What is due of a person, of one kind or ('') of all; nobody else decides about what is taken here.
DELETE FROM waiting WHERE id IN (
    SELECT w.id FROM waiting AS w
    WHERE w.due_ms <= :now_ms AND (CAST(:kind AS TEXT) = '' OR w.kind = :kind)
        AND w.shopper IN (
            SELECT o.id FROM shoppers AS o WHERE o.person = :person
            UNION ALL SELECT CAST(:person AS TEXT)
        )
    ORDER BY w.due_ms, w.id LIMIT :most {skip_locked}
)
RETURNING id, shopper, campaign, kind, store, due_ms, until_ms, occasion

-- name: waiting.arrived
-- What waits for a place is due, now that she is there: in this store, or where any will do.
UPDATE waiting SET due_ms = :now_ms
WHERE due_ms IS NULL AND kind = :kind AND (store = :store OR kind = 'next_visit') AND shopper IN (
    SELECT o.id FROM shoppers AS s INNER JOIN shoppers AS o ON o.person = s.person WHERE s.id = :shopper
)

-- name: waiting.for_visit
-- What waits for the visit that these people begin, under whichever of their identifiers.
SELECT s.id AS came_as, w.id, w.shopper, w.campaign, w.kind, w.store, w.due_ms, w.until_ms, w.occasion
FROM shoppers AS s INNER JOIN shoppers AS o ON o.person = s.person INNER JOIN waiting AS w ON w.shopper = o.id
WHERE s.id IN (SELECT value FROM {json_each}(:shoppers{as_json})) AND w.kind = 'next_visit' AND w.due_ms IS NULL
    AND w.until_ms >= :now_ms AND w.campaign IN (SELECT value FROM {json_each}(:campaigns{as_json}))
ORDER BY w.id, s.id

-- name: waiting.take_these
-- Nobody else decides about what is taken here.
DELETE FROM waiting WHERE id IN (SELECT value FROM {json_each}(:ids{as_json})) RETURNING id

-- name: waiting.campaign
-- Whether a campaign speaks; nobody lets it do so, or stop, until the transaction ends.
SELECT state FROM campaigns WHERE id = :id {for_share}

-- name: waiting.peek_paused
SELECT 1 AS found FROM waiting WHERE due_ms >= :never_ms LIMIT 1

-- name: waiting.go_on
-- What waited for campaigns that were paused is due, now that they speak again.
UPDATE waiting SET due_ms = :now_ms
WHERE due_ms >= :never_ms AND campaign IN (SELECT value FROM {json_each}(:campaigns{as_json}))

-- name: waiting.put_off
-- What could not be decided is tried again, each time later.
UPDATE waiting SET due_ms = :now_ms + :after_ms * (tries + 1), tries = tries + 1
WHERE due_ms <= :now_ms AND shopper IN (
    SELECT o.id FROM shoppers AS o WHERE o.person = :person
    UNION ALL SELECT CAST(:person AS TEXT)
)

-- name: waiting.give_up
DELETE FROM waiting WHERE tries >= :most

-- name: waiting.peek_late
SELECT 1 AS found FROM waiting WHERE until_ms < :now_ms
UNION ALL SELECT 1 AS found FROM spreads WHERE until_ms < :now_ms AND is_done = 1 LIMIT 1

-- name: waiting.prune
-- What waited for a place or a time that never came.
DELETE FROM waiting WHERE id IN (
    SELECT w.id FROM waiting AS w WHERE w.until_ms < :now_ms ORDER BY w.until_ms LIMIT :most
)
RETURNING kind, COALESCE(due_ms, 0) AS due_ms

-- name: waiting.done
-- What of these was done already, and is not to be done again yet.
SELECT id FROM waiting WHERE id IN (SELECT value FROM {json_each}(:ids{as_json})) AND kind = 'done'

-- name: waiting.statements
-- Of these statements what people did.
SELECT t.id, t.shopper, t.name, t.at_ms FROM tracked AS t
WHERE t.id IN (SELECT value FROM {json_each}(:ids{as_json})) AND t.kind = 'track' ORDER BY t.id

-- name: waiting.statement
SELECT t.id, t.shopper, t.name, t.at_ms, t.sealed FROM tracked AS t WHERE t.id = :id

-- name: waiting.happened
-- Whether she did one of these since then, under whichever of her identifiers; what it began with aside.
SELECT 1 AS found
FROM shoppers AS s INNER JOIN shoppers AS o ON o.person = s.person INNER JOIN tracked AS t ON t.shopper = o.id
WHERE s.id = :shopper AND t.at_ms >= :since_ms AND t.kind = 'track' AND t.id <> :origin
    AND t.name IN (SELECT value FROM {json_each}(:names{as_json}))
LIMIT 1

-- name: waiting.here
-- Where she is now: the visit that is open, and the zone of it.
SELECT v.id, v.store, (
    SELECT t.zone FROM stays AS t WHERE t.visit = v.id AND t.left_ms IS NULL ORDER BY t.entered_ms DESC, t.id LIMIT 1
) AS zone
FROM shoppers AS s INNER JOIN shoppers AS o ON o.person = s.person INNER JOIN visits AS v ON v.shopper = o.id
WHERE s.id = :shopper AND v.left_ms IS NULL
ORDER BY v.entered_ms DESC, v.id LIMIT 1

-- name: waiting.outcome
-- What she did of a message.
SELECT DISTINCT r.kind FROM deliveries AS d INNER JOIN receipts AS r ON r.delivery = d.id WHERE d.message = :message

-- name: waiting.member
SELECT 1 AS found FROM segment_members AS m INNER JOIN shoppers AS s ON s.person = m.person
WHERE s.id = :shopper AND m.segment = :segment

-- name: waiting.zones
-- The time zones of the stores that people were in last.
SELECT x.person, x.time_zone FROM (
    SELECT o.person, t.time_zone, ROW_NUMBER() OVER (PARTITION BY o.person ORDER BY v.entered_ms DESC, v.id) AS place
    FROM shoppers AS o INNER JOIN visits AS v ON v.shopper = o.id INNER JOIN stores AS t ON t.id = v.store
    WHERE o.person IN (SELECT value FROM {json_each}(:people{as_json}))
) AS x
WHERE x.place = 1

-- name: waiting.mark
SELECT value FROM campaign_marks WHERE id = :id

-- name: waiting.marks
SELECT id, value FROM campaign_marks

-- name: waiting.hold_mark
-- Of several processes at it, one goes on from here at a time.
INSERT INTO campaign_marks (id, value) VALUES (:id, :first)
ON CONFLICT (id) DO UPDATE SET value = campaign_marks.value
RETURNING value

-- name: waiting.set_mark
UPDATE campaign_marks SET value = :value WHERE id = :id

-- name: waiting.last_move
SELECT MAX(seq) AS seq FROM segment_moves

-- name: waiting.put_spread
INSERT INTO spreads (id, campaign, segment, after_person, due_ms, until_ms, occasion, made_ms)
VALUES (:id, :campaign, :segment, '', :due_ms, :until_ms, :occasion, :made_ms)
ON CONFLICT (id) DO NOTHING

-- name: waiting.peek_spread
SELECT 1 AS found FROM spreads AS x
WHERE x.is_done = 0 AND NOT EXISTS (SELECT 1 FROM segment_builds AS b WHERE b.segment = x.segment) LIMIT 1

-- name: waiting.spread
-- The next whose segment knows its members.
SELECT x.id, x.campaign, x.segment, x.after_person, x.due_ms, x.until_ms, x.occasion FROM spreads AS x
WHERE x.is_done = 0 AND NOT EXISTS (SELECT 1 FROM segment_builds AS b WHERE b.segment = x.segment)
ORDER BY x.due_ms, x.id LIMIT 1 {skip_locked}

-- name: waiting.spread_on
UPDATE spreads SET after_person = :after_person, is_done = :is_done WHERE id = :id

-- name: waiting.prune_spreads
DELETE FROM spreads WHERE until_ms < :now_ms AND is_done = 1

-- name: feeds.put
INSERT INTO feeds (feed, store, state, at_ms, until_ms) VALUES (:feed, :store, :state, :at_ms, :until_ms)
ON CONFLICT (feed, store) DO UPDATE SET
    state = excluded.state, at_ms = excluded.at_ms, until_ms = excluded.until_ms

-- name: feeds.trim
-- Whose word holds no more, and of too many those that spoke first.
DELETE FROM feeds WHERE until_ms <= :now_ms OR at_ms < (
    SELECT MIN(x.at_ms) FROM (SELECT f.at_ms FROM feeds AS f ORDER BY f.at_ms DESC LIMIT :most) AS x
)

-- name: feeds.all
SELECT feed, store, state, at_ms, until_ms FROM feeds WHERE until_ms > :now_ms ORDER BY feed, store
