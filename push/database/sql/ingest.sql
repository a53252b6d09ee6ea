-- name: ingest.mark
SELECT applied FROM gateway_marks WHERE gateway = :gateway AND boot = :boot

-- name: ingest.put_mark
INSERT INTO gateway_marks (gateway, boot, applied, updated_ms) VALUES (:gateway, :boot, :applied, :updated_ms)
ON CONFLICT (gateway, boot) DO UPDATE SET applied = excluded.applied, updated_ms = excluded.updated_ms

-- name: ingest.put_status
INSERT INTO gateway_status (gateway, state, status, received_ms) VALUES (:gateway, :state, :status, :received_ms)
ON CONFLICT (gateway) DO UPDATE SET
    state = excluded.state, status = excluded.status, received_ms = excluded.received_ms

-- name: ingest.statuses
SELECT gateway, state, status, received_ms FROM gateway_status ORDER BY gateway

-- name: ingest.journal
INSERT INTO journal (seq, at_ms, payload) VALUES (:seq, :at_ms, :payload)

-- name: ingest.journal_after
SELECT seq, at_ms, payload FROM journal WHERE seq > :seq ORDER BY seq

-- name: ingest.journal_row
SELECT at_ms, payload FROM journal WHERE seq = :seq

-- name: ingest.truncate_journal
DELETE FROM journal WHERE seq < :seq

-- name: ingest.put_checkpoint
INSERT INTO checkpoints (id, journal_seq, at_ms, payload) VALUES ('presence', :journal_seq, :at_ms, :payload)
ON CONFLICT (id) DO UPDATE SET
    journal_seq = excluded.journal_seq, at_ms = excluded.at_ms, payload = excluded.payload

-- name: ingest.checkpoint
SELECT journal_seq, at_ms, payload FROM checkpoints WHERE id = 'presence'

-- name: ingest.count_minute
INSERT INTO minutes (store, gateway, minute_ms, batches, sightings, resolved, unsynchronised)
VALUES (:store, :gateway, :minute_ms, :batches, :sightings, :resolved, :unsynchronised)
ON CONFLICT (store, gateway, minute_ms) DO UPDATE SET
    batches = minutes.batches + excluded.batches, sightings = minutes.sightings + excluded.sightings,
    resolved = minutes.resolved + excluded.resolved,
    unsynchronised = minutes.unsynchronised + excluded.unsynchronised

-- name: ingest.totals
SELECT
    CAST(COALESCE(SUM(batches), 0) AS BIGINT) AS batches, CAST(COALESCE(SUM(sightings), 0) AS BIGINT) AS sightings,
    CAST(COALESCE(SUM(resolved), 0) AS BIGINT) AS resolved,
    CAST(COALESCE(SUM(unsynchronised), 0) AS BIGINT) AS unsynchronised
FROM minutes

-- name: ingest.marks
SELECT gateway, boot, applied FROM gateway_marks ORDER BY gateway, boot

-- name: ingest.open_visit
INSERT INTO visits (id, store, shopper, entered_ms, left_ms, heard_ms, late)
VALUES (:id, :store, :shopper, :entered_ms, NULL, :heard_ms, 0) ON CONFLICT (id) DO NOTHING

-- name: ingest.reopen_visit
UPDATE visits SET left_ms = NULL WHERE id = :id

-- name: ingest.close_visit
UPDATE visits SET left_ms = :left_ms WHERE id = :id AND left_ms IS NULL

-- name: ingest.open_gone
-- A visit that is open in a store which is not registered any more.
SELECT id FROM visits WHERE left_ms IS NULL AND NOT EXISTS (SELECT 1 FROM stores AS s WHERE s.id = visits.store) LIMIT 1

-- name: ingest.close_gone
UPDATE visits SET left_ms = COALESCE(
    (SELECT MAX(COALESCE(t.left_ms, t.entered_ms)) FROM stays AS t WHERE t.visit = visits.id), entered_ms
)
WHERE left_ms IS NULL AND NOT EXISTS (SELECT 1 FROM stores AS s WHERE s.id = visits.store)
RETURNING id

-- name: ingest.visits_open
SELECT id, store, shopper, entered_ms FROM visits WHERE left_ms IS NULL ORDER BY entered_ms, id

-- name: ingest.stays_open
SELECT s.id, s.visit, s.store, s.zone, s.entered_ms
FROM stays AS s INNER JOIN visits AS v ON v.id = s.visit
WHERE s.left_ms IS NULL AND v.left_ms IS NULL ORDER BY s.entered_ms, s.id

-- name: ingest.late_visit
INSERT INTO visits (id, store, shopper, entered_ms, left_ms, heard_ms, late)
VALUES (:id, :store, :shopper, :entered_ms, :left_ms, :heard_ms, 1) ON CONFLICT (id) DO NOTHING

-- name: ingest.visit_around
SELECT id, entered_ms, left_ms FROM visits
WHERE store = :store AND shopper = :shopper AND entered_ms <= :to_ms AND (left_ms IS NULL OR left_ms >= :from_ms)
ORDER BY entered_ms DESC LIMIT 1

-- name: ingest.widen_visit
-- An open visit ends where presence says.
UPDATE visits SET
    entered_ms = CASE WHEN entered_ms > :from_ms THEN :from_ms ELSE entered_ms END,
    left_ms = CASE WHEN left_ms < :to_ms THEN :to_ms ELSE left_ms END
WHERE id = :id

-- name: ingest.open_stay
INSERT INTO stays (id, visit, store, zone, entered_ms, left_ms)
VALUES (:id, :visit, :store, :zone, :entered_ms, NULL) ON CONFLICT (id) DO NOTHING

-- name: ingest.close_stay
UPDATE stays SET left_ms = :left_ms WHERE id = :id AND left_ms IS NULL

-- name: ingest.moments_known
SELECT id FROM moments WHERE id IN (SELECT value FROM {json_each}(:moments{as_json}))

-- name: ingest.moment
INSERT INTO moments (id, kind, store, zone, shopper, visit, mark_s, at_ms, heard_ms, received_ms, confidence, triggers)
VALUES (
    :id, :kind, :store, :zone, :shopper, :visit, :mark_s, :at_ms, :heard_ms, :received_ms, :confidence, :triggers
)
ON CONFLICT (id) DO NOTHING
