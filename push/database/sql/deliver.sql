-- name: outbox.message
INSERT INTO messages (
    id, decision, shopper, campaign, basis, needs, source, content, sealed, urgency, collapse_key, created_ms, expires_ms
)
VALUES (
    :id, :decision, :shopper, :campaign, :basis, :needs, :source, '', :sealed, :urgency, :collapse_key, :created_ms,
    :expires_ms
)

-- name: outbox.enqueue
INSERT INTO deliveries (
    id, message, shopper, device, visit, cap, lane, queue, routes, later, fall_back_s, fall_back_ms, waits, seq, state,
    attempt, maybe_sent, next_ms, expires_ms, heard_ms, received_ms, resolved_ms, decided_ms
)
VALUES (
    :id, :message, :shopper, :device, :visit, :cap, :lane, :queue, :routes, :later, :fall_back_s,
    CASE
        WHEN CAST(:later AS TEXT) = '[]' OR CAST(:fall_back_s AS BIGINT) = 0 THEN NULL
        ELSE CAST(:next_ms AS BIGINT) + 1000 * CAST(:fall_back_s AS BIGINT)
    END,
    0, :seq, 'pending', 0, 0, :next_ms, :expires_ms, :heard_ms, :received_ms, :resolved_ms, :decided_ms
)
ON CONFLICT (id) DO NOTHING

-- name: outbox.replace
-- A newer message takes the place of one to the same person that was not handed over yet. An id has no blank in it: `keys` are pairs.
-- What is being sent just now is not tried again: it would take the place of the newer one.
WITH waiting AS MATERIALIZED (
    SELECT d.id, d.message, o.person FROM shoppers AS o INNER JOIN deliveries AS d ON d.shopper = o.id
    WHERE d.queue IS NOT NULL AND o.person IN (SELECT value FROM {json_each}(:persons{as_json}))
)
UPDATE deliveries SET
    state = CASE WHEN state = 'pending' THEN 'cancelled' ELSE state END,
    queue = CASE WHEN state = 'pending' THEN NULL ELSE queue END,
    reason = CASE WHEN state = 'pending' THEN 'replaced' ELSE reason END,
    ended_ms = CASE WHEN state = 'pending' THEN :now_ms ELSE ended_ms END,
    fall_back_ms = NULL,
    expires_ms = CASE WHEN state = 'sending' AND expires_ms > :now_ms THEN :now_ms ELSE expires_ms END
WHERE queue IS NOT NULL AND id IN (
    SELECT w.id FROM waiting AS w
    WHERE w.message NOT IN (SELECT value FROM {json_each}(:messages{as_json}))
        AND w.person || ' ' || (
            SELECT m.source || ' ' || m.collapse_key FROM messages AS m WHERE m.id = w.message
        )
            IN (SELECT value FROM {json_each}(:keys{as_json}))
)
RETURNING id, message, shopper, state, cap, CASE WHEN state = 'sending' THEN 1 ELSE maybe_sent END AS maybe_sent

-- name: deliver.expire
-- Who was sending when the lease ran out may have handed it over.
WITH late AS MATERIALIZED (
    SELECT id FROM deliveries
    WHERE queue IS NOT NULL AND expires_ms <= :now_ms AND (state = 'pending' OR next_ms <= :now_ms)
    ORDER BY expires_ms LIMIT :most {skip_locked}
)
UPDATE deliveries SET
    state = 'expired', reason = 'too late', ended_ms = :now_ms, queue = NULL, fall_back_ms = NULL,
    maybe_sent = CASE WHEN state = 'sending' THEN 1 ELSE maybe_sent END
WHERE id IN (SELECT id FROM late)
RETURNING id, message, shopper, cap, maybe_sent

-- name: deliver.queues
-- Every queue that is not empty, and when its first delivery is due: one step in the index for each.
WITH RECURSIVE names (queue) AS (
    SELECT MIN(d.queue) FROM deliveries AS d WHERE d.queue IS NOT NULL
    UNION ALL
    SELECT (SELECT MIN(d.queue) FROM deliveries AS d WHERE d.queue IS NOT NULL AND d.queue > names.queue)
    FROM names WHERE names.queue IS NOT NULL
)
SELECT queue, (SELECT MIN(d.next_ms) FROM deliveries AS d WHERE d.queue = names.queue) AS due_ms
FROM names WHERE queue IS NOT NULL

-- name: deliver.claim
-- What is first in its queue and too late expires here: looking past a million of them would take long, each time.
WITH due AS MATERIALIZED (
    SELECT id FROM deliveries
    WHERE queue = :queue AND next_ms <= :now_ms
    ORDER BY next_ms, seq LIMIT :most {skip_locked}
)
UPDATE deliveries SET
    state = CASE WHEN expires_ms > :now_ms THEN 'sending' ELSE 'expired' END,
    queue = CASE WHEN expires_ms > :now_ms THEN queue ELSE NULL END,
    reason = CASE WHEN expires_ms > :now_ms THEN reason ELSE 'too late' END,
    ended_ms = CASE WHEN expires_ms > :now_ms THEN ended_ms ELSE :now_ms END,
    attempt = CASE WHEN expires_ms > :now_ms THEN attempt + 1 ELSE attempt END,
    next_ms = CASE WHEN expires_ms > :now_ms THEN :lease_until_ms ELSE next_ms END,
    fall_back_ms = CASE WHEN expires_ms > :now_ms THEN fall_back_ms ELSE NULL END,
    waits = 0, maybe_sent = CASE WHEN state = 'sending' THEN 1 ELSE maybe_sent END
WHERE id IN (SELECT id FROM due)
RETURNING id, message, shopper, cap, maybe_sent, state

-- name: deliver.outgoing
-- Whoever takes a delivery back while it is being sent lets it expire.
SELECT
    d.id, d.message, d.shopper, d.device, d.lane, d.queue, d.routes, d.later, d.seq, d.attempt, d.expires_ms,
    m.campaign, m.basis, m.needs, m.content, m.sealed, m.urgency, m.collapse_key, m.created_ms,
    m.expires_ms AS message_expires_ms, CASE WHEN d.expires_ms < m.expires_ms THEN 1 ELSE 0 END AS taken_back,
    k.shopper AS key_of, k.month AS key_month, k.wrapped AS key_wrapped
FROM deliveries AS d
    INNER JOIN messages AS m ON m.id = d.message
    LEFT JOIN person_keys AS k ON k.shopper = m.shopper
WHERE d.id IN (SELECT value FROM {json_each}(:ids{as_json}))

-- name: deliver.reach
-- The devices of all facets of a person, whichever she is asked for by. A screen may greet her where she is in a store
-- that has one, and chose what it may call her.
SELECT
    p.id AS shopper, v.id AS device, v.platform, v.locale, v.seen_ms, a.channel, a.app, a.service, a.sealed, a.hers,
    a.registered_ms, k.shopper AS key_of, k.month AS key_month, k.wrapped AS key_wrapped, s.reason AS suppressed,
    CASE WHEN EXISTS (
        SELECT 1 FROM shoppers AS c INNER JOIN nicknames AS n ON n.shopper = c.id WHERE c.person = p.person
    ) AND EXISTS (
        SELECT 1 FROM shoppers AS c
            INNER JOIN visits ON visits.shopper = c.id AND visits.left_ms IS NULL
            INNER JOIN screens ON screens.store = visits.store
        WHERE c.person = p.person
    ) THEN 1 ELSE 0 END AS by_screen
FROM shoppers AS p
    INNER JOIN shoppers AS o ON o.person = p.person
    INNER JOIN devices AS v ON v.shopper = o.id
    LEFT JOIN addresses AS a ON a.device = v.id
    LEFT JOIN person_keys AS k ON k.shopper = o.id
    LEFT JOIN suppressions AS s ON s.channel = a.channel AND s.hash = a.hash
WHERE p.id IN (SELECT value FROM {json_each}(:shoppers{as_json}))
ORDER BY v.seen_ms DESC, v.id, a.channel

-- name: deliver.consents
SELECT c.shopper, c.purpose, c.granted FROM consents AS c
WHERE c.shopper IN (SELECT value FROM {json_each}(:shoppers{as_json}))

-- name: deliver.snoozes
SELECT z.shopper, z.until_ms
FROM (
    SELECT s.id AS shopper, n.until_ms, ROW_NUMBER() OVER (PARTITION BY s.id ORDER BY n.at_ms DESC, n.until_ms DESC) AS place
    FROM shoppers AS s INNER JOIN shoppers AS o ON o.person = s.person INNER JOIN snoozes AS n ON n.shopper = o.id
    WHERE s.id IN (SELECT value FROM {json_each}(:shoppers{as_json}))
) AS z
WHERE z.place = 1 AND z.until_ms > :now_ms

-- name: deliver.depth
-- A queue's name begins with its lane. By whole queues first: the index has them in order, so that nothing is sorted.
SELECT SUBSTR(q.queue, 1, 1) AS lane, SUM(q.queued) AS queued
FROM (SELECT queue, COUNT(*) AS queued FROM deliveries WHERE queue IS NOT NULL GROUP BY queue) AS q
GROUP BY SUBSTR(q.queue, 1, 1)

-- name: deliver.ready
SELECT MIN(expires_ms) AS expires_ms FROM deliveries WHERE queue IS NOT NULL

-- name: deliver.accepted
UPDATE deliveries SET
    state = 'accepted', queue = NULL, waits = 0, device = :device, channel = :channel, app = :app, reason = NULL,
    dropped = :dropped, seq = CASE WHEN :seq > seq THEN :seq ELSE seq END, handed_over_ms = :handed_over_ms,
    accepted_ms = :accepted_ms,
    fall_back_ms = CASE WHEN later = '[]' OR fall_back_s = 0 THEN NULL ELSE :accepted_ms + 1000 * fall_back_s END
WHERE id = :id AND state = 'sending' AND attempt = :attempt

-- name: deliver.note_hand_over
-- The delivery had moved on: a receipt was faster than the service's answer, or the answer came after the lease.
UPDATE deliveries SET
    device = :device, channel = :channel, app = :app, dropped = :dropped,
    seq = CASE WHEN :seq > seq THEN :seq ELSE seq END, handed_over_ms = :handed_over_ms, accepted_ms = :accepted_ms
WHERE id = :id AND accepted_ms IS NULL AND state NOT IN ('pending', 'sending')

-- name: deliver.again
UPDATE deliveries SET
    state = 'pending', reason = :reason, next_ms = :next_ms, queue = :queue, routes = :routes, later = :later,
    fall_back_ms = CASE
        WHEN CAST(:later AS TEXT) = '[]' THEN NULL
        WHEN later <> CAST(:later AS TEXT) THEN CAST(:next_ms AS BIGINT) + 1000 * fall_back_s
        ELSE fall_back_ms
    END,
    maybe_sent = CASE WHEN maybe_sent = 1 THEN 1 ELSE :maybe_sent END
WHERE id = :id AND state = 'sending' AND attempt = :attempt

-- name: deliver.wait
-- For the app to connect; one that connected since the attempt began has looked for what waits in vain.
-- Another replica's clock may be ahead by a little; what lies further ahead was seen before a clock was set back.
UPDATE deliveries SET
    state = 'pending', reason = :reason, waits = 1, queue = :queue, routes = :routes,
    next_ms = CASE
        WHEN EXISTS (
            SELECT 1 FROM shoppers AS s
                INNER JOIN shoppers AS o ON o.person = s.person
                INNER JOIN devices ON devices.shopper = o.id
            WHERE s.id = deliveries.shopper
                AND devices.seen_ms >= :since_ms AND devices.seen_ms <= CAST(:now_ms AS BIGINT) + 5000
        ) THEN :now_ms
        ELSE expires_ms
    END
WHERE id = :id AND state = 'sending' AND attempt = :attempt

-- name: deliver.failed
UPDATE deliveries SET state = 'failed', reason = :reason, ended_ms = :ended_ms, queue = NULL, fall_back_ms = NULL
WHERE id = :id AND state = 'sending' AND attempt = :attempt
RETURNING id, message, shopper, cap, maybe_sent

-- name: deliver.falling_back
-- What is being sent just now is left until it is known what came of that.
SELECT
    id, message, shopper, visit, lane, state, routes, later, fall_back_s, expires_ms, heard_ms, received_ms,
    resolved_ms, decided_ms
FROM deliveries
WHERE fall_back_ms <= :now_ms AND fall_back_ms IS NOT NULL AND state <> 'sending'
ORDER BY fall_back_ms LIMIT :most {skip_locked}

-- name: deliver.newer
-- One that took the place of a message.
SELECT newer.id FROM messages AS own
    INNER JOIN shoppers AS s ON s.id = :shopper
    INNER JOIN shoppers AS o ON o.person = s.person
    INNER JOIN deliveries AS d ON d.shopper = o.id AND d.decided_ms > own.created_ms
    INNER JOIN messages AS newer ON newer.id = d.message
WHERE own.id = :message AND newer.created_ms > own.created_ms AND newer.collapse_key = own.collapse_key
    AND newer.source = own.source LIMIT 1

-- name: deliver.step_on
-- What could not be handed over yet may go the next way, too.
UPDATE deliveries SET
    queue = :queue, routes = :routes, later = :later, next_ms = :now_ms,
    fall_back_ms = CASE WHEN CAST(:later AS TEXT) = '[]' THEN NULL ELSE :now_ms + 1000 * fall_back_s END
WHERE id = :id AND state = 'pending'

-- name: deliver.fell_back
UPDATE deliveries SET fall_back_ms = NULL WHERE id = :id

-- name: deliver.next_fall_back
SELECT fall_back_ms AS due_ms FROM deliveries WHERE fall_back_ms IS NOT NULL AND state <> 'sending'
ORDER BY fall_back_ms LIMIT 1

-- name: deliver.answer
-- In the answer to a phone's own report: in the app, and so only where she agreed to that.
UPDATE deliveries SET
    state = 'accepted', queue = NULL, waits = 0, channel = 'inapp', app = 'default', device = :device,
    attempt = attempt + 1, seq = CASE WHEN :seq > seq THEN :seq ELSE seq END, handed_over_ms = :now_ms,
    accepted_ms = :now_ms,
    fall_back_ms = CASE WHEN later = '[]' OR fall_back_s = 0 THEN NULL ELSE :now_ms + 1000 * fall_back_s END
WHERE id = :id AND state = 'pending' AND expires_ms > :now_ms
    AND shopper IN (
        SELECT o.id FROM devices AS v
            INNER JOIN shoppers AS s ON s.id = v.shopper
            INNER JOIN shoppers AS o ON o.person = s.person
        WHERE v.id = :device
    )
    AND routes LIKE '%["' || :device || '","inapp"%'
RETURNING id, message

-- name: deliver.attempt
-- Of whoever was erased while it was being sent, nothing is written any more.
INSERT INTO attempts (delivery, attempt, device, channel, app, started_ms, ended_ms, outcome, status, reference)
SELECT
    d.id, CAST(:attempt AS INTEGER), CAST(:device AS TEXT), CAST(:channel AS TEXT), CAST(:app AS TEXT),
    CAST(:started_ms AS BIGINT), CAST(:ended_ms AS BIGINT), CAST(:outcome AS TEXT), CAST(:status AS INTEGER),
    CAST(:reference AS TEXT)
FROM deliveries AS d WHERE d.id = :delivery
ON CONFLICT (delivery, attempt, device, channel) DO NOTHING

-- name: outbox.cancel_visit
-- What is being sent just now is not tried again: it expires unless it succeeds. What is said because she left is said
-- all the same, also where she came back and leaves again.
UPDATE deliveries SET
    state = CASE WHEN state = 'pending' THEN 'cancelled' ELSE state END,
    queue = CASE WHEN state = 'pending' THEN NULL ELSE queue END,
    reason = CASE WHEN state = 'pending' THEN 'left the store' ELSE reason END,
    ended_ms = CASE WHEN state = 'pending' THEN :now_ms ELSE ended_ms END,
    fall_back_ms = NULL,
    expires_ms = CASE WHEN state = 'sending' AND expires_ms > :now_ms THEN :now_ms ELSE expires_ms END
WHERE state IN ('pending', 'sending') AND visit = :visit AND NOT EXISTS (
    SELECT 1 FROM messages AS m INNER JOIN decisions AS d ON d.id = m.decision INNER JOIN moments AS w ON w.id = d.moment
    WHERE m.id = deliveries.message AND w.kind = 'left'
)
RETURNING id, message, shopper, state, cap, CASE WHEN state = 'sending' THEN 1 ELSE maybe_sent END AS maybe_sent

-- name: outbox.cancel_shopper
-- What is being sent just now is not tried again: it expires unless it succeeds. What she is owed is not taken back.
UPDATE deliveries SET
    state = CASE WHEN state = 'pending' THEN 'cancelled' ELSE state END,
    queue = CASE WHEN state = 'pending' THEN NULL ELSE queue END,
    reason = CASE WHEN state = 'pending' THEN :reason ELSE reason END,
    ended_ms = CASE WHEN state = 'pending' THEN :now_ms ELSE ended_ms END,
    fall_back_ms = NULL,
    expires_ms = CASE WHEN state = 'sending' AND expires_ms > :now_ms THEN :now_ms ELSE expires_ms END
WHERE queue IS NOT NULL AND shopper IN (
        SELECT o.id FROM shoppers AS s INNER JOIN shoppers AS o ON o.person = s.person WHERE s.id = :shopper
    )
    AND EXISTS (SELECT 1 FROM messages WHERE messages.id = deliveries.message AND messages.basis = 'marketing')
RETURNING id, message, shopper, state, cap, CASE WHEN state = 'sending' THEN 1 ELSE maybe_sent END AS maybe_sent

-- name: outbox.waiting_of
SELECT id, routes, later FROM deliveries
WHERE queue IS NOT NULL AND state = 'pending' AND shopper IN (
        SELECT o.id FROM shoppers AS s INNER JOIN shoppers AS o ON o.person = s.person WHERE s.id = :shopper
    )

-- name: outbox.needing
-- What waits for a person and rests on more than its basis.
SELECT d.id, m.needs FROM deliveries AS d INNER JOIN messages AS m ON m.id = d.message
WHERE d.queue IS NOT NULL AND d.state = 'pending' AND m.needs <> '[]' AND d.shopper IN (
        SELECT o.id FROM shoppers AS s INNER JOIN shoppers AS o ON o.person = s.person WHERE s.id = :shopper
    )

-- name: outbox.cancel_some
UPDATE deliveries SET state = 'cancelled', queue = NULL, fall_back_ms = NULL, reason = :reason, ended_ms = :now_ms
WHERE state = 'pending' AND id IN (SELECT value FROM {json_each}(:ids{as_json}))
RETURNING id, message, shopper, state, cap, maybe_sent

-- name: outbox.unreadable
-- What was claimed, and no key opens any more.
UPDATE deliveries SET state = :state, queue = NULL, fall_back_ms = NULL, reason = :reason, ended_ms = :now_ms
WHERE state = 'sending' AND id IN (SELECT value FROM {json_each}(:ids{as_json}))
RETURNING id, message, shopper, state, cap, maybe_sent

-- name: outbox.cancel_message
-- What is being sent just now is not tried again: it expires unless it succeeds.
UPDATE deliveries SET
    state = CASE WHEN state = 'pending' THEN 'cancelled' ELSE state END,
    queue = CASE WHEN state = 'pending' THEN NULL ELSE queue END,
    reason = CASE WHEN state = 'pending' THEN :reason ELSE reason END,
    ended_ms = CASE WHEN state = 'pending' THEN :now_ms ELSE ended_ms END,
    fall_back_ms = NULL,
    expires_ms = CASE WHEN state = 'sending' AND expires_ms > :now_ms THEN :now_ms ELSE expires_ms END
WHERE message = :message AND (queue IS NOT NULL OR fall_back_ms IS NOT NULL)
RETURNING id, message, shopper, state, cap, CASE WHEN state = 'cancelled' THEN maybe_sent ELSE 1 END AS maybe_sent

-- name: deliver.wake_device
UPDATE deliveries SET next_ms = :now_ms
WHERE queue IS NOT NULL AND waits = 1 AND state = 'pending' AND next_ms > :now_ms
    AND shopper IN (
        SELECT o.id FROM devices AS v
            INNER JOIN shoppers AS s ON s.id = v.shopper
            INNER JOIN shoppers AS o ON o.person = s.person
        WHERE v.id = :device
    )

-- name: deliver.stream_since
SELECT
    d.id, d.seq, m.id AS message, m.content, m.sealed, m.expires_ms,
    k.shopper AS key_of, k.month AS key_month, k.wrapped AS key_wrapped
FROM deliveries AS d
    INNER JOIN messages AS m ON m.id = d.message
    LEFT JOIN person_keys AS k ON k.shopper = m.shopper
WHERE d.device = :device AND d.seq > :after_seq AND d.seq <= :upto_seq AND d.channel = 'inapp'
    AND d.state IN ('accepted', 'shown') AND d.expires_ms > :now_ms
ORDER BY d.seq LIMIT :most

-- name: deliver.receipt
INSERT INTO receipts (delivery, kind, at_ms, received_ms) VALUES (:delivery, :kind, :at_ms, :received_ms)
ON CONFLICT (delivery, kind) DO NOTHING

-- name: deliver.shown
-- Whatever became of it here: if a person saw it, the trace says so.
UPDATE deliveries SET
    state = CASE WHEN state IN ('pending', 'sending', 'accepted') THEN 'shown' ELSE state END,
    queue = NULL, waits = 0, fall_back_ms = NULL,
    shown_ms = CASE WHEN shown_ms < :at_ms THEN shown_ms ELSE :at_ms END
WHERE id = :delivery

-- name: deliver.opened
UPDATE deliveries SET
    state = CASE WHEN state IN ('pending', 'sending', 'accepted', 'shown') THEN 'opened' ELSE state END,
    queue = NULL, waits = 0, fall_back_ms = NULL,
    shown_ms = CASE WHEN shown_ms < :at_ms THEN shown_ms ELSE :at_ms END,
    opened_ms = CASE WHEN opened_ms < :at_ms THEN opened_ms ELSE :at_ms END
WHERE id = :delivery

-- name: deliver.of_device
-- A delivery to any device of the same person.
SELECT d.id, d.message, d.shopper, d.channel FROM deliveries AS d
WHERE d.id = :delivery AND d.shopper IN (
        SELECT o.id FROM devices AS v
            INNER JOIN shoppers AS s ON s.id = v.shopper
            INNER JOIN shoppers AS o ON o.person = s.person
        WHERE v.id = :device
    )

-- name: deliver.trace
SELECT
    d.id, d.message, d.device, d.state, d.channel, d.app, d.reason, d.dropped, d.attempt, d.lane, d.expires_ms,
    d.heard_ms, d.received_ms, d.resolved_ms, d.decided_ms, d.handed_over_ms, d.accepted_ms, d.shown_ms, d.opened_ms,
    d.ended_ms, d.visit, d.shopper, d.again_of, m.campaign, m.basis, m.source, m.content, m.sealed, m.decision,
    (SELECT v.store FROM visits AS v WHERE v.id = d.visit) AS store,
    k.shopper AS key_of, k.month AS key_month, k.wrapped AS key_wrapped
FROM deliveries AS d
    INNER JOIN messages AS m ON m.id = d.message
    LEFT JOIN person_keys AS k ON k.shopper = m.shopper
WHERE d.id = :id

-- name: deliver.of_message
SELECT
    d.id, d.message, d.device, d.state, d.channel, d.app, d.reason, d.dropped, d.attempt, d.lane, d.expires_ms,
    d.heard_ms, d.received_ms, d.resolved_ms, d.decided_ms, d.handed_over_ms, d.accepted_ms, d.shown_ms, d.opened_ms,
    d.ended_ms, d.visit, d.shopper, d.again_of, m.campaign, m.basis
FROM deliveries AS d INNER JOIN messages AS m ON m.id = d.message
WHERE d.message = :message ORDER BY d.decided_ms, d.id

-- name: deliver.message
SELECT
    m.id, m.decision, m.shopper, m.campaign, m.basis, m.source, m.content, m.sealed, m.urgency, m.collapse_key,
    m.created_ms, m.expires_ms, k.shopper AS key_of, k.month AS key_month, k.wrapped AS key_wrapped
FROM messages AS m LEFT JOIN person_keys AS k ON k.shopper = m.shopper
WHERE m.id = :id

-- name: deliver.attempts_of
SELECT attempt, device, channel, app, started_ms, ended_ms, outcome, status, reference FROM attempts
WHERE delivery = :delivery ORDER BY attempt, started_ms, channel

-- name: events.take
UPDATE counters SET value = value + :n WHERE id = 'events' RETURNING value

-- name: events.put
INSERT INTO events (seq, at_ms, kind, message, delivery, shopper, channel, reason)
VALUES (:seq, :at_ms, :kind, :message, :delivery, :shopper, :channel, :reason)

-- name: events.after
SELECT e.seq, e.at_ms, e.kind, e.message, e.delivery, e.shopper, e.channel, e.reason, e.detail, e.sealed, m.source
FROM events AS e LEFT JOIN messages AS m ON m.id = e.message
WHERE e.seq > :after_seq ORDER BY e.seq LIMIT :most

-- name: events.last
SELECT value AS seq FROM counters WHERE id = 'events'
