-- name: health.open
-- What comes again before anybody was told that it was over, was told already.
INSERT INTO health_findings (
    id, kind, subject_kind, subject, store, severity, since_ms, opened_ms, cleared_ms, explained_by, openings, evidence,
    says, next_step, known_until_ms, known_note, known_by, told_ms, over_ms, mailed_ms
)
VALUES (
    :id, :kind, :subject_kind, :subject, :store, :severity, :since_ms, :opened_ms, NULL, :explained_by, 1, :evidence,
    :says, :next_step, NULL, '', '', NULL, NULL, NULL
)
ON CONFLICT (id) DO UPDATE SET
    store = excluded.store, severity = excluded.severity, since_ms = excluded.since_ms, opened_ms = excluded.opened_ms,
    cleared_ms = NULL, explained_by = excluded.explained_by, openings = health_findings.openings + 1,
    evidence = excluded.evidence, says = excluded.says, next_step = excluded.next_step,
    told_ms = CASE WHEN health_findings.over_ms IS NULL THEN health_findings.told_ms END,
    mailed_ms = CASE WHEN health_findings.over_ms IS NULL THEN health_findings.mailed_ms END, over_ms = NULL

-- name: health.change
UPDATE health_findings SET
    store = :store, severity = :severity, explained_by = :explained_by, evidence = :evidence, says = :says,
    next_step = :next_step
WHERE id = :id AND cleared_ms IS NULL

-- name: health.clear
-- What nobody was told of, nobody need be told is over.
UPDATE health_findings SET cleared_ms = :cleared_ms WHERE id = :id AND cleared_ms IS NULL

-- name: health.standing
SELECT
    id, kind, subject_kind, subject, store, severity, since_ms, opened_ms, cleared_ms, explained_by, openings, evidence,
    says, next_step, known_until_ms, known_note, known_by
FROM health_findings WHERE cleared_ms IS NULL ORDER BY opened_ms, id

-- name: health.find
SELECT
    id, kind, subject_kind, subject, store, severity, since_ms, opened_ms, cleared_ms, explained_by, openings, evidence,
    says, next_step, known_until_ms, known_note, known_by
FROM health_findings WHERE id = :id {for_update}

-- name: health.list_open
SELECT
    id, kind, subject_kind, subject, store, severity, since_ms, opened_ms, cleared_ms, explained_by, openings, evidence,
    says, next_step, known_until_ms, known_note, known_by
FROM health_findings
WHERE cleared_ms IS NULL
    AND (CAST(:store AS TEXT) IS NULL OR store = :store)
    AND (CAST(:kind AS TEXT) IS NULL OR kind = :kind)
    AND (CAST(:severity AS TEXT) IS NULL OR severity = :severity)
    AND (CAST(:subject AS TEXT) IS NULL OR subject = :subject)
    AND (:all_stores = 1 OR store IN (SELECT value FROM {json_each}(:stores{as_json})))
    AND (:known = 1 OR known_until_ms IS NULL OR known_until_ms <= :now_ms)
    AND (:explained = 1 OR explained_by IS NULL)
ORDER BY CASE severity WHEN 'now' THEN 0 ELSE 1 END, since_ms, id LIMIT :most

-- name: health.list_over
SELECT
    id, kind, subject_kind, subject, store, severity, since_ms, opened_ms, cleared_ms, explained_by, openings, evidence,
    says, next_step, known_until_ms, known_note, known_by
FROM health_findings
WHERE cleared_ms IS NOT NULL
    AND (CAST(:store AS TEXT) IS NULL OR store = :store)
    AND (CAST(:kind AS TEXT) IS NULL OR kind = :kind)
    AND (CAST(:severity AS TEXT) IS NULL OR severity = :severity)
    AND (CAST(:subject AS TEXT) IS NULL OR subject = :subject)
    AND (:all_stores = 1 OR store IN (SELECT value FROM {json_each}(:stores{as_json})))
ORDER BY cleared_ms DESC, id LIMIT :most

-- name: health.counts
SELECT kind, severity, CAST(COUNT(*) AS BIGINT) AS number FROM health_findings
WHERE cleared_ms IS NULL AND explained_by IS NULL AND (known_until_ms IS NULL OR known_until_ms <= :now_ms)
    AND (:all_stores = 1 OR store IN (SELECT value FROM {json_each}(:stores{as_json})))
GROUP BY kind, severity

-- name: health.know
UPDATE health_findings SET known_until_ms = :until_ms, known_note = :note, known_by = :by WHERE id = :id

-- name: health.untold
SELECT
    id, kind, subject_kind, subject, store, severity, since_ms, opened_ms, cleared_ms, explained_by, openings, evidence,
    says, next_step, known_until_ms, known_note, known_by
FROM health_findings
WHERE cleared_ms IS NULL AND told_ms IS NULL AND explained_by IS NULL
    AND (known_until_ms IS NULL OR known_until_ms <= :now_ms)
ORDER BY opened_ms, id LIMIT :most

-- name: health.untold_over
SELECT
    id, kind, subject_kind, subject, store, severity, since_ms, opened_ms, cleared_ms, explained_by, openings, evidence,
    says, next_step, known_until_ms, known_note, known_by
FROM health_findings
WHERE cleared_ms IS NOT NULL AND told_ms IS NOT NULL AND over_ms IS NULL
ORDER BY cleared_ms, id LIMIT :most

-- name: health.unmailed
SELECT
    id, kind, subject_kind, subject, store, severity, since_ms, opened_ms, cleared_ms, explained_by, openings, evidence,
    says, next_step, known_until_ms, known_note, known_by
FROM health_findings
WHERE cleared_ms IS NULL AND mailed_ms IS NULL AND explained_by IS NULL
    AND (known_until_ms IS NULL OR known_until_ms <= :now_ms)
ORDER BY opened_ms, id LIMIT :most

-- name: health.tell
UPDATE health_findings SET told_ms = :now_ms WHERE id IN (SELECT value FROM {json_each}(:ids{as_json}))

-- name: health.tell_over
UPDATE health_findings SET over_ms = :now_ms WHERE id IN (SELECT value FROM {json_each}(:ids{as_json}))

-- name: health.mail
UPDATE health_findings SET mailed_ms = :now_ms WHERE id IN (SELECT value FROM {json_each}(:ids{as_json}))

-- name: health.mails
SELECT store, mailed_ms FROM health_mails

-- name: health.put_mail
INSERT INTO health_mails (store, mailed_ms) VALUES (:store, :mailed_ms)
ON CONFLICT (store) DO UPDATE SET mailed_ms = excluded.mailed_ms

-- name: health.put_event
INSERT INTO events (seq, at_ms, kind, message, delivery, shopper, channel, reason, detail)
VALUES (:seq, :at_ms, :kind, '', '', '', NULL, NULL, :detail)

-- name: health.put_state
INSERT INTO health_state (id, at_ms, payload) VALUES ('fleet', :at_ms, :payload)
ON CONFLICT (id) DO UPDATE SET at_ms = excluded.at_ms, payload = excluded.payload

-- name: health.state
SELECT at_ms, payload FROM health_state WHERE id = 'fleet'

-- name: health.put_day
INSERT INTO health_days (beacon, day_ms, battery_mv) VALUES (:beacon, :day_ms, :battery_mv)
ON CONFLICT (beacon, day_ms) DO UPDATE SET battery_mv = excluded.battery_mv

-- name: health.days
SELECT beacon, day_ms, battery_mv FROM health_days WHERE day_ms >= :since_ms ORDER BY beacon, day_ms

-- name: health.prune_days
DELETE FROM health_days WHERE day_ms < :before_ms

-- name: health.prune_over
DELETE FROM health_findings WHERE cleared_ms IS NOT NULL AND cleared_ms < :before_ms

-- name: health.gateway_hours
SELECT
    minute_ms - minute_ms % 3600000 AS hour_ms, CAST(SUM(batches) AS BIGINT) AS batches,
    CAST(SUM(sightings) AS BIGINT) AS sightings, CAST(SUM(resolved) AS BIGINT) AS resolved
FROM minutes WHERE store = :store AND gateway = :gateway AND minute_ms >= :since_ms
GROUP BY minute_ms - minute_ms % 3600000 ORDER BY hour_ms
