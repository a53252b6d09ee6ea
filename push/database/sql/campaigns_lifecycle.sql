-- name: campaigns.held
-- A campaign that nobody else changes until the transaction ends.
SELECT id, version, definition, state, live_version, revision, changed_by, updated_ms
FROM campaigns WHERE id = :id {for_update}

-- name: campaigns.get
SELECT
    c.id, c.version, c.definition, c.state, c.live_version, c.revision, c.changed_by, c.updated_ms,
    v.made_by, v.made_ms, v.asked_by, v.asked_ms, v.reviewed_by, v.reviewed_ms, v.live_ms
FROM campaigns AS c INNER JOIN campaign_versions AS v ON v.campaign = c.id AND v.version = c.version
WHERE c.id = :id

-- name: campaigns.page
SELECT
    c.id, c.version, c.definition, c.state, c.live_version, c.revision, c.changed_by, c.updated_ms,
    v.made_by, v.made_ms, v.asked_by, v.asked_ms, v.reviewed_by, v.reviewed_ms, v.live_ms
FROM campaigns AS c INNER JOIN campaign_versions AS v ON v.campaign = c.id AND v.version = c.version
WHERE c.id > :after ORDER BY c.id LIMIT :most

-- name: campaigns.live
-- What speaks: each as the version that was launched, whatever is being written meanwhile.
SELECT c.id, v.version, v.definition
FROM campaigns AS c INNER JOIN campaign_versions AS v ON v.campaign = c.id AND v.version = c.live_version
WHERE c.state = 'live' ORDER BY c.id

-- name: campaigns.in_force
-- What speaks, and what would again once somebody lets it.
SELECT c.id, v.version, v.definition, c.state
FROM campaigns AS c INNER JOIN campaign_versions AS v ON v.campaign = c.id AND v.version = c.live_version
WHERE c.state IN ('live', 'paused') ORDER BY c.id

-- name: campaigns.write
-- Over nobody's change: what stands must have the revision that was read.
INSERT INTO campaigns (id, version, definition, state, live_version, revision, changed_by, updated_ms)
VALUES (
    :id, :version, :definition, :state, :live_version, CAST(:revision AS BIGINT) + 1, :changed_by, :updated_ms
)
ON CONFLICT (id) DO UPDATE SET
    version = excluded.version, definition = excluded.definition, state = excluded.state,
    live_version = excluded.live_version, revision = excluded.revision, changed_by = excluded.changed_by,
    updated_ms = excluded.updated_ms
WHERE campaigns.revision = :revision

-- name: campaigns.put_version
INSERT INTO campaign_versions (campaign, version, definition, made_by, made_ms)
VALUES (:campaign, :version, :definition, :made_by, :made_ms)

-- name: campaigns.drop_drafts
-- Drafts of long ago that never were in force: no receipt points at them.
DELETE FROM campaign_versions WHERE campaign = :campaign AND version <= :upto AND live_ms IS NULL

-- name: campaigns.ask
UPDATE campaign_versions SET asked_by = :asked_by, asked_ms = :asked_ms
WHERE campaign = :campaign AND version = :version

-- name: campaigns.review
UPDATE campaign_versions SET reviewed_by = :reviewed_by, reviewed_ms = :reviewed_ms
WHERE campaign = :campaign AND version = :version

-- name: campaigns.lived
UPDATE campaign_versions SET live_ms = COALESCE(live_ms, :live_ms) WHERE campaign = :campaign AND version = :version

-- name: campaigns.versions
SELECT version, made_by, made_ms, asked_by, asked_ms, reviewed_by, reviewed_ms, live_ms
FROM campaign_versions WHERE campaign = :campaign AND version < :before ORDER BY version DESC LIMIT :most

-- name: campaigns.stopped
SELECT id, scope, why, stopped_by, stopped_ms, ended_by, ended_ms FROM stops
WHERE ended_ms IS NULL ORDER BY stopped_ms, id

-- name: campaigns.stops
SELECT id, scope, why, stopped_by, stopped_ms, ended_by, ended_ms FROM stops
ORDER BY CASE WHEN ended_ms IS NULL THEN 0 ELSE 1 END, stopped_ms DESC, id LIMIT :most

-- name: campaigns.stop
INSERT INTO stops (id, scope, why, stopped_by, stopped_ms) VALUES (:id, :scope, :why, :stopped_by, :stopped_ms)

-- name: campaigns.stop_of
SELECT id, scope, why, stopped_by, stopped_ms, ended_by, ended_ms FROM stops WHERE id = :id {for_update}

-- name: campaigns.end_stop
UPDATE stops SET ended_by = :ended_by, ended_ms = :ended_ms WHERE id = :id AND ended_ms IS NULL

-- name: campaigns.cancel_stopped
-- Offers that wait, or would yet go another way, of a campaign, of what was decided in a store, or all: what somebody in
-- a store is about to see comes first. What is being sent just now is not tried again: it expires unless it succeeds.
-- Several servers may be at it: what one has cancelled is none that another cancels, too.
-- Queues are looked at below a name: campaigns put nothing into those of mail-outs, which may be long.
WITH silenced AS MATERIALIZED (
    SELECT d.id FROM deliveries AS d
        INNER JOIN messages AS m ON m.id = d.message
        LEFT JOIN decisions AS x ON x.id = m.decision
    WHERE d.queue IS NOT NULL AND d.queue < :below
        AND (d.state = 'pending' OR d.fall_back_ms IS NOT NULL OR d.expires_ms > :now_ms)
        AND (
            (CAST(:scope AS TEXT) = 'all' AND (m.basis = 'marketing' OR m.campaign <> ''))
            OR (CAST(:campaign AS TEXT) <> '' AND m.campaign = :campaign)
            OR (CAST(:store AS TEXT) <> '' AND x.store = :store)
        )
    ORDER BY d.queue LIMIT :most
)
UPDATE deliveries SET
    state = CASE WHEN state = 'pending' THEN 'cancelled' ELSE state END,
    queue = CASE WHEN state = 'pending' THEN NULL ELSE queue END,
    reason = CASE WHEN state = 'pending' THEN 'stopped' ELSE reason END,
    ended_ms = CASE WHEN state = 'pending' THEN :now_ms ELSE ended_ms END,
    fall_back_ms = NULL,
    expires_ms = CASE WHEN state = 'sending' AND expires_ms > :now_ms THEN :now_ms ELSE expires_ms END
WHERE queue IS NOT NULL AND id IN (SELECT id FROM silenced)
RETURNING id, message, shopper, state, cap, CASE WHEN state = 'cancelled' THEN maybe_sent ELSE 1 END AS maybe_sent

-- name: campaigns.stop_falling_back
-- What was handed over goes no other way any more.
WITH silenced AS MATERIALIZED (
    SELECT d.id FROM deliveries AS d
        INNER JOIN messages AS m ON m.id = d.message
        LEFT JOIN decisions AS x ON x.id = m.decision
    WHERE d.queue IS NULL AND d.fall_back_ms IS NOT NULL AND (
            (CAST(:scope AS TEXT) = 'all' AND (m.basis = 'marketing' OR m.campaign <> ''))
            OR (CAST(:campaign AS TEXT) <> '' AND m.campaign = :campaign)
            OR (CAST(:store AS TEXT) <> '' AND x.store = :store)
        )
)
UPDATE deliveries SET fall_back_ms = NULL WHERE id IN (SELECT id FROM silenced)

-- name: campaigns.touched
-- When these people were sent something lately, by person.
SELECT o.person, t.campaign, t.tags, t.channel, t.store, t.at_ms
FROM shoppers AS o INNER JOIN touches AS t ON t.shopper = o.id
WHERE o.person IN (SELECT value FROM {json_each}(:people{as_json})) AND t.at_ms >= :since_ms
ORDER BY o.person, t.at_ms
