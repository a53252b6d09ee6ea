-- name: hooks.put
-- It gets what happens from now on.
INSERT INTO hooks (
    id, sealed, shown, kinds, identifier, segments, traits, next_seq, state, reason, failures, failing_since_ms, next_ms,
    created_ms
)
SELECT
    :id, :sealed, :shown, :kinds, :identifier, :segments, :traits, value + 1, 'active', NULL, 0, NULL, :now_ms, :now_ms
FROM counters WHERE counters.id = 'events'

-- name: hooks.list
SELECT
    h.id, h.shown, h.kinds, h.identifier, h.segments, h.traits, h.next_seq, h.state, h.reason, h.failures, h.failing_since_ms, h.next_ms, h.created_ms,
    c.value AS last_seq
FROM hooks AS h INNER JOIN counters AS c ON c.id = 'events'
ORDER BY h.created_ms, h.id

-- name: hooks.lock
SELECT sealed, state FROM hooks WHERE id = :id {for_update}

-- name: hooks.reseal
UPDATE hooks SET sealed = :sealed WHERE id = :id

-- name: hooks.delete
DELETE FROM hooks WHERE id = :id

-- name: hooks.resume
-- One that was given up takes up where it stopped.
UPDATE hooks SET state = 'active', reason = NULL, failures = 0, failing_since_ms = NULL, next_ms = :now_ms
WHERE id = :id AND state = 'disabled'

-- name: hooks.active
SELECT h.id, h.next_seq, h.next_ms, c.value AS last_seq FROM hooks AS h INNER JOIN counters AS c ON c.id = 'events'
WHERE h.state = 'active'

-- name: hooks.claim
UPDATE hooks SET next_ms = :lease_ms WHERE id = :id AND state = 'active' AND next_ms <= :now_ms
RETURNING sealed, kinds, identifier, segments, traits, next_seq, reason, failures, failing_since_ms

-- name: hooks.keep
-- By whoever still holds the lease: events up to `next_seq` were taken.
UPDATE hooks SET
    next_seq = :next_seq, next_ms = :next_ms, state = :state, reason = :reason, failures = :failures,
    failing_since_ms = :failing_since_ms
WHERE id = :id AND next_ms = :lease_ms AND state = 'active'
RETURNING sealed, kinds, identifier, segments, traits

-- name: events.prune
-- That somebody is erased is kept for longer: whoever is told erases her, too.
DELETE FROM events WHERE at_ms < :before_ms AND seq IN (
    SELECT e.seq FROM events AS e WHERE e.kind <> 'profile.erased' OR e.at_ms < :erased_before_ms
    ORDER BY e.seq LIMIT :most
)
