-- name: profiles.put_shopper
INSERT INTO shoppers (id, traits, created_ms) VALUES (:id, :traits, :created_ms)
ON CONFLICT (id) DO UPDATE SET traits = excluded.traits

-- name: profiles.new_shopper
INSERT INTO shoppers (id, traits, created_ms) VALUES (:id, :traits, :created_ms) ON CONFLICT (id) DO NOTHING

-- name: profiles.shopper
SELECT id, traits, created_ms FROM shoppers WHERE id = :id

-- name: profiles.new_device
INSERT INTO devices (id, shopper, platform, locale, subscription_sealed, next_seq, created_ms, seen_ms)
VALUES (:id, :shopper, :platform, :locale, NULL, 1, :created_ms, :created_ms)

-- name: profiles.device
SELECT id, shopper, platform, locale, subscription_sealed, seen_ms FROM devices WHERE id = :id

-- name: profiles.devices_of
SELECT id, shopper, platform, locale, subscription_sealed, seen_ms
FROM devices WHERE shopper = :shopper ORDER BY seen_ms DESC, id

-- name: profiles.devices_since
SELECT id, shopper, platform, locale, created_ms, seen_ms FROM devices
WHERE created_ms >= :since_ms ORDER BY created_ms, id LIMIT :most

-- name: profiles.granted_since
SELECT shopper, purpose FROM consents
WHERE granted = 1 AND shopper IN (SELECT shopper FROM devices WHERE created_ms >= :since_ms)
ORDER BY shopper, purpose

-- name: profiles.set_subscription
UPDATE devices SET subscription_sealed = :subscription_sealed, seen_ms = :seen_ms WHERE id = :id

-- name: profiles.drop_subscription
UPDATE devices SET subscription_sealed = NULL WHERE id = :id AND subscription_sealed = :subscription_sealed

-- name: profiles.seen
UPDATE devices SET seen_ms = :seen_ms WHERE id = :id AND seen_ms < :seen_ms

-- name: profiles.take_seq
UPDATE devices SET next_seq = next_seq + 1 WHERE id = :id RETURNING next_seq - 1 AS seq

-- name: profiles.set_consent
INSERT INTO consents (shopper, purpose, granted, at_ms, source)
VALUES (:shopper, :purpose, :granted, :at_ms, :source)
ON CONFLICT (shopper, purpose) DO UPDATE SET
    granted = excluded.granted, at_ms = excluded.at_ms, source = excluded.source

-- name: profiles.note_consent
INSERT INTO consent_history (id, shopper, purpose, granted, at_ms, source)
VALUES (:id, :shopper, :purpose, :granted, :at_ms, :source)

-- name: profiles.consents_of
SELECT purpose, granted, at_ms, source FROM consents WHERE shopper = :shopper ORDER BY purpose

-- name: profiles.lock_consents
SELECT purpose, granted FROM consents WHERE shopper = :shopper ORDER BY purpose {for_update}

-- name: profiles.consent_history
SELECT purpose, granted, at_ms, source FROM consent_history WHERE shopper = :shopper ORDER BY at_ms, id

-- name: profiles.all_granted
SELECT shopper, purpose FROM consents WHERE granted = 1

-- name: profiles.new_token
INSERT INTO tokens (hash, scope, subject, created_ms) VALUES (:hash, :scope, :subject, :created_ms)

-- name: profiles.token
SELECT scope, subject FROM tokens WHERE hash = :hash
