-- name: consent.facets
-- All facets of whoever these are, held until the transaction ends: nobody else settles, merges or cuts them meanwhile.
SELECT id, person FROM shoppers
WHERE person IN (SELECT s.person FROM shoppers AS s WHERE s.id IN (SELECT value FROM {json_each}(:shoppers{as_json})))
ORDER BY id {for_no_key_update}

-- name: consent.said
-- Of every person and purpose the word that holds: her own before what others claim, the latest; at the same time a refusal.
-- What waits to be confirmed takes nothing from what she said before.
SELECT w.person, w.purpose, w.granted, w.at_ms, w.source
FROM (
    SELECT
        s.person, h.purpose, h.granted, h.again_ms AS at_ms, h.source,
        ROW_NUMBER() OVER (
            PARTITION BY s.person, h.purpose
            ORDER BY h.claimed, h.again_ms DESC, h.granted, h.source, h.id
        ) AS place
    FROM shoppers AS s INNER JOIN consent_history AS h ON h.shopper = s.id
    WHERE h.pending = 0 AND s.person IN (SELECT value FROM {json_each}(:persons{as_json}))
) AS w
WHERE w.place = 1

-- name: consent.effective
SELECT shopper, purpose, granted, at_ms, source FROM consents
WHERE shopper IN (SELECT value FROM {json_each}(:shoppers{as_json}))
ORDER BY shopper, purpose {for_update}

-- name: consent.put
INSERT INTO consents (shopper, purpose, granted, at_ms, source)
VALUES (:shopper, :purpose, :granted, :at_ms, :source)
ON CONFLICT (shopper, purpose) DO UPDATE SET
    granted = excluded.granted, at_ms = excluded.at_ms, source = excluded.source

-- name: consent.drop
DELETE FROM consents WHERE shopper = :shopper AND purpose = :purpose

-- name: consent.runs
-- The turning points of what these facets said on some purposes, in order of their own time; of one time a refusal last.
SELECT
    id, shopper, purpose, granted, at_ms, again_ms, kept_ms, source, said_by, version, locale, asked_on, claimed, pending,
    proof
FROM consent_history
WHERE shopper IN (SELECT value FROM {json_each}(:shoppers{as_json}))
    AND purpose IN (SELECT value FROM {json_each}(:purposes{as_json}))
ORDER BY shopper, purpose, at_ms, granted DESC, version{c}, source{c}, said_by{c}

-- name: consent.say
-- The same word is written down once, however often it arrives.
INSERT INTO consent_history (
    id, shopper, purpose, granted, at_ms, again_ms, kept_ms, source, said_by, version, locale, asked_on, claimed, pending,
    proof
)
VALUES (
    :id, :shopper, :purpose, :granted, :at_ms, :again_ms, :kept_ms, :source, :said_by, :version, :locale, :asked_on,
    :claimed, :pending, :proof
)
ON CONFLICT (id) DO NOTHING

-- name: consent.say_again
UPDATE consent_history SET at_ms = :at_ms, again_ms = :again_ms WHERE id = :id

-- name: consent.turned
-- How often what a person said was turned since a time on some authority, by each of these facets.
SELECT s.id AS shopper, COUNT(*) AS turned FROM shoppers AS s
    INNER JOIN shoppers AS o ON o.person = s.person
    INNER JOIN consent_history AS h ON h.shopper = o.id
WHERE s.id IN (SELECT value FROM {json_each}(:shoppers{as_json})) AND h.said_by = :said_by AND h.kept_ms > :since_ms
GROUP BY s.id

-- name: consent.last_ms
-- When she last said anything: what she says now comes after that, whatever a clock says.
SELECT MAX(h.again_ms) AS at_ms FROM shoppers AS s
    INNER JOIN shoppers AS o ON o.person = s.person
    INNER JOIN consent_history AS h ON h.shopper = o.id
WHERE s.id = :shopper AND h.purpose IN (SELECT value FROM {json_each}(:purposes{as_json}))

-- name: consent.ledger
-- Every turn of what a person said, under whichever identifier, the oldest first.
SELECT
    h.id, h.shopper, h.purpose, h.granted, h.at_ms, h.again_ms, h.source, h.said_by, h.version, h.locale, h.asked_on,
    h.claimed, h.pending, h.proof
FROM shoppers AS s
    INNER JOIN shoppers AS o ON o.person = s.person
    INNER JOIN consent_history AS h ON h.shopper = o.id
WHERE s.id = :shopper ORDER BY h.at_ms, h.id LIMIT :most

-- name: consent.rules
SELECT minimum_age, settled FROM consent_rules WHERE id = 'now'

-- name: consent.set_rules
UPDATE consent_rules SET minimum_age = :minimum_age, settled = :settled WHERE id = 'now'

-- name: consent.aged
-- Whose consents depend on her age, some at a time.
SELECT DISTINCT shopper FROM consent_history
WHERE shopper > :after AND purpose IN ('location', 'profiling') ORDER BY shopper LIMIT :most

-- name: consent.of_many
-- Whether a purpose is granted, for each of these.
SELECT shopper FROM consents
WHERE purpose = :purpose AND granted = 1 AND shopper IN (SELECT value FROM {json_each}(:shoppers{as_json}))

-- name: consent.check
-- Of whoever was erased meanwhile nothing is written down.
INSERT INTO checks (shopper, purpose, used_for, day, allowed, times, last_ms)
SELECT
    s.id, CAST(:purpose AS TEXT), CAST(:used_for AS TEXT), CAST(:day AS BIGINT), CAST(:allowed AS INTEGER),
    CAST(:times AS BIGINT), CAST(:last_ms AS BIGINT)
FROM shoppers AS s WHERE s.id = :shopper
ON CONFLICT (shopper, day, purpose, used_for, allowed) DO UPDATE SET
    times = checks.times + excluded.times,
    last_ms = CASE WHEN checks.last_ms > excluded.last_ms THEN checks.last_ms ELSE excluded.last_ms END

-- name: consent.checks_of
SELECT c.purpose, c.used_for, c.day, c.allowed, SUM(c.times) AS times, MAX(c.last_ms) AS last_ms
FROM shoppers AS s
    INNER JOIN shoppers AS o ON o.person = s.person
    INNER JOIN checks AS c ON c.shopper = o.id
WHERE s.id = :shopper
GROUP BY c.purpose, c.used_for, c.day, c.allowed
ORDER BY c.day DESC, c.purpose, c.used_for, c.allowed LIMIT :most

-- name: consent.ask
INSERT INTO asked (shopper, purpose, version, locale, asked_on, country, asked_ms)
VALUES (:shopper, :purpose, :version, :locale, :asked_on, :country, :asked_ms)
ON CONFLICT (shopper, purpose, version) DO NOTHING

-- name: consent.answer
INSERT INTO asked (shopper, purpose, version, locale, asked_on, country, asked_ms, granted, accepted, answered_ms)
VALUES (:shopper, :purpose, :version, :locale, :asked_on, :country, :asked_ms, :granted, :granted, :asked_ms)
ON CONFLICT (shopper, purpose, version) DO UPDATE SET
    granted = excluded.granted, answered_ms = excluded.answered_ms,
    accepted = CASE WHEN asked.accepted > excluded.accepted THEN asked.accepted ELSE excluded.accepted END

-- name: consent.withdrawn
-- She said yes to these words, and takes it back.
UPDATE asked SET granted = 0, answered_ms = :answered_ms
WHERE shopper = :shopper AND granted = 1 AND purpose IN (SELECT value FROM {json_each}(:purposes{as_json}))

-- name: consent.asked
-- What a person was asked, under whichever identifier: of each purpose and version once.
SELECT a.purpose, a.version, MIN(a.asked_ms) AS asked_ms, MAX(a.answered_ms) AS answered_ms
FROM shoppers AS s
    INNER JOIN shoppers AS o ON o.person = s.person
    INNER JOIN asked AS a ON a.shopper = o.id
WHERE s.id = :shopper
GROUP BY a.purpose, a.version ORDER BY a.purpose, a.version

-- name: consent.acceptance
-- How words were taken, by the week in which people were asked first: of those who are known, and of those who were erased.
SELECT
    t.purpose, t.version, t.country, t.week, CAST(SUM(t.asked) AS BIGINT) AS asked,
    CAST(SUM(t.granted) AS BIGINT) AS granted, CAST(SUM(t.denied) AS BIGINT) AS denied,
    CAST(SUM(t.withdrawn) AS BIGINT) AS withdrawn
FROM (
    SELECT
        purpose, version, country, (asked_ms - 345600000) / 604800000 AS week, COUNT(*) AS asked,
        SUM(accepted) AS granted, SUM(CASE WHEN granted = 0 AND accepted = 0 THEN 1 ELSE 0 END) AS denied,
        SUM(CASE WHEN granted = 0 AND accepted = 1 THEN 1 ELSE 0 END) AS withdrawn
    FROM asked WHERE asked_ms >= :since_ms
    GROUP BY purpose, version, country, (asked_ms - 345600000) / 604800000
    UNION ALL
    SELECT purpose, version, country, week, asked, granted, denied, withdrawn FROM acceptance WHERE week >= :since
) AS t
GROUP BY t.purpose, t.version, t.country, t.week
ORDER BY t.week DESC, t.purpose, t.country, t.version

-- name: consent.fold_acceptance
INSERT INTO acceptance (purpose, version, country, week, asked, granted, denied, withdrawn)
SELECT
    purpose, version, country, (asked_ms - 345600000) / 604800000, COUNT(*), SUM(accepted),
    SUM(CASE WHEN granted = 0 AND accepted = 0 THEN 1 ELSE 0 END),
    SUM(CASE WHEN granted = 0 AND accepted = 1 THEN 1 ELSE 0 END)
FROM asked WHERE shopper IN (SELECT value FROM {json_each}(:shoppers{as_json}))
GROUP BY purpose, version, country, (asked_ms - 345600000) / 604800000
ORDER BY purpose, version, country, (asked_ms - 345600000) / 604800000
ON CONFLICT (purpose, version, country, week) DO UPDATE SET
    asked = acceptance.asked + excluded.asked, granted = acceptance.granted + excluded.granted,
    denied = acceptance.denied + excluded.denied, withdrawn = acceptance.withdrawn + excluded.withdrawn
