-- name: reseal.gateways_secret_sealed_count
SELECT COUNT(*) AS found FROM gateways WHERE secret_sealed IS NOT NULL AND SUBSTR(secret_sealed, 1, 8) <> :mark

-- name: reseal.gateways_secret_sealed_slice
SELECT id AS key_1, '' AS key_2, '' AS key_3, secret_sealed AS sealed FROM gateways
WHERE id > :after_1 AND :after_2 = '' AND :after_3 = '' AND secret_sealed IS NOT NULL AND SUBSTR(secret_sealed, 1, 8) <> :mark
ORDER BY id LIMIT :most

-- name: reseal.gateways_secret_sealed_put
UPDATE gateways SET secret_sealed = :sealed WHERE id = :key_1 AND :key_2 = '' AND :key_3 = '' AND secret_sealed = :before

-- name: reseal.gateways_previous_sealed_count
SELECT COUNT(*) AS found FROM gateways WHERE previous_sealed IS NOT NULL AND SUBSTR(previous_sealed, 1, 8) <> :mark

-- name: reseal.gateways_previous_sealed_slice
SELECT id AS key_1, '' AS key_2, '' AS key_3, previous_sealed AS sealed FROM gateways
WHERE id > :after_1 AND :after_2 = '' AND :after_3 = '' AND previous_sealed IS NOT NULL AND SUBSTR(previous_sealed, 1, 8) <> :mark
ORDER BY id LIMIT :most

-- name: reseal.gateways_previous_sealed_put
UPDATE gateways SET previous_sealed = :sealed WHERE id = :key_1 AND :key_2 = '' AND :key_3 = '' AND previous_sealed = :before

-- name: reseal.beacons_key_sealed_count
SELECT COUNT(*) AS found FROM beacons WHERE key_sealed IS NOT NULL AND SUBSTR(key_sealed, 1, 8) <> :mark

-- name: reseal.beacons_key_sealed_slice
SELECT id AS key_1, '' AS key_2, '' AS key_3, key_sealed AS sealed FROM beacons
WHERE id > :after_1 AND :after_2 = '' AND :after_3 = '' AND key_sealed IS NOT NULL AND SUBSTR(key_sealed, 1, 8) <> :mark
ORDER BY id LIMIT :most

-- name: reseal.beacons_key_sealed_put
UPDATE beacons SET key_sealed = :sealed WHERE id = :key_1 AND :key_2 = '' AND :key_3 = '' AND key_sealed = :before

-- name: reseal.import_beacons_key_sealed_count
SELECT COUNT(*) AS found FROM import_beacons WHERE key_sealed IS NOT NULL AND SUBSTR(key_sealed, 1, 8) <> :mark

-- name: reseal.import_beacons_key_sealed_slice
SELECT import_id AS key_1, side AS key_2, id AS key_3, key_sealed AS sealed FROM import_beacons
WHERE (import_id, side, id) > (:after_1, :after_2, :after_3) AND key_sealed IS NOT NULL AND SUBSTR(key_sealed, 1, 8) <> :mark
ORDER BY import_id, side, id LIMIT :most

-- name: reseal.import_beacons_key_sealed_put
UPDATE import_beacons SET key_sealed = :sealed WHERE import_id = :key_1 AND side = :key_2 AND id = :key_3 AND key_sealed = :before

-- name: reseal.addresses_sealed_count
-- Those from before people's own keys sealed them.
SELECT COUNT(*) AS found FROM addresses WHERE hers = 0 AND SUBSTR(sealed, 1, 8) <> :mark

-- name: reseal.addresses_sealed_slice
SELECT device AS key_1, channel AS key_2, '' AS key_3, sealed AS sealed FROM addresses
WHERE (device, channel) > (:after_1, :after_2) AND :after_3 = '' AND hers = 0 AND SUBSTR(sealed, 1, 8) <> :mark
ORDER BY device, channel LIMIT :most

-- name: reseal.addresses_sealed_put
UPDATE addresses SET sealed = :sealed
WHERE device = :key_1 AND channel = :key_2 AND :key_3 = '' AND hers = 0 AND sealed = :before

-- name: reseal.credentials_sealed_count
SELECT COUNT(*) AS found FROM credentials WHERE sealed IS NOT NULL AND SUBSTR(sealed, 1, 8) <> :mark

-- name: reseal.credentials_sealed_slice
SELECT channel AS key_1, app AS key_2, '' AS key_3, sealed AS sealed FROM credentials
WHERE (channel, app) > (:after_1, :after_2) AND :after_3 = '' AND sealed IS NOT NULL AND SUBSTR(sealed, 1, 8) <> :mark
ORDER BY channel, app LIMIT :most

-- name: reseal.credentials_sealed_put
UPDATE credentials SET sealed = :sealed WHERE channel = :key_1 AND app = :key_2 AND :key_3 = '' AND sealed = :before

-- name: reseal.hooks_sealed_count
SELECT COUNT(*) AS found FROM hooks WHERE sealed IS NOT NULL AND SUBSTR(sealed, 1, 8) <> :mark

-- name: reseal.hooks_sealed_slice
SELECT id AS key_1, '' AS key_2, '' AS key_3, sealed AS sealed FROM hooks
WHERE id > :after_1 AND :after_2 = '' AND :after_3 = '' AND sealed IS NOT NULL AND SUBSTR(sealed, 1, 8) <> :mark
ORDER BY id LIMIT :most

-- name: reseal.hooks_sealed_put
UPDATE hooks SET sealed = :sealed WHERE id = :key_1 AND :key_2 = '' AND :key_3 = '' AND sealed = :before

-- name: reseal.kept_secrets_sealed_count
SELECT COUNT(*) AS found FROM kept_secrets WHERE sealed IS NOT NULL AND SUBSTR(sealed, 1, 8) <> :mark

-- name: reseal.kept_secrets_sealed_slice
SELECT id AS key_1, '' AS key_2, '' AS key_3, sealed AS sealed FROM kept_secrets
WHERE id > :after_1 AND :after_2 = '' AND :after_3 = '' AND sealed IS NOT NULL AND SUBSTR(sealed, 1, 8) <> :mark
ORDER BY id LIMIT :most

-- name: reseal.kept_secrets_sealed_put
UPDATE kept_secrets SET sealed = :sealed WHERE id = :key_1 AND :key_2 = '' AND :key_3 = '' AND sealed = :before

-- name: reseal.operators_totp_sealed_count
SELECT COUNT(*) AS found FROM operators WHERE totp_sealed IS NOT NULL AND SUBSTR(totp_sealed, 1, 8) <> :mark

-- name: reseal.operators_totp_sealed_slice
SELECT id AS key_1, '' AS key_2, '' AS key_3, totp_sealed AS sealed FROM operators
WHERE id > :after_1 AND :after_2 = '' AND :after_3 = '' AND totp_sealed IS NOT NULL AND SUBSTR(totp_sealed, 1, 8) <> :mark
ORDER BY id LIMIT :most

-- name: reseal.operators_totp_sealed_put
UPDATE operators SET totp_sealed = :sealed WHERE id = :key_1 AND :key_2 = '' AND :key_3 = '' AND totp_sealed = :before

-- name: reseal.operators_totp_new_sealed_count
SELECT COUNT(*) AS found FROM operators WHERE totp_new_sealed IS NOT NULL AND SUBSTR(totp_new_sealed, 1, 8) <> :mark

-- name: reseal.operators_totp_new_sealed_slice
SELECT id AS key_1, '' AS key_2, '' AS key_3, totp_new_sealed AS sealed FROM operators
WHERE id > :after_1 AND :after_2 = '' AND :after_3 = '' AND totp_new_sealed IS NOT NULL AND SUBSTR(totp_new_sealed, 1, 8) <> :mark
ORDER BY id LIMIT :most

-- name: reseal.operators_totp_new_sealed_put
UPDATE operators SET totp_new_sealed = :sealed WHERE id = :key_1 AND :key_2 = '' AND :key_3 = '' AND totp_new_sealed = :before

-- name: reseal.people_imports_file_sealed_count
SELECT COUNT(*) AS found FROM people_imports WHERE file_sealed IS NOT NULL AND SUBSTR(file_sealed, 1, 8) <> :mark

-- name: reseal.people_imports_file_sealed_slice
SELECT id AS key_1, '' AS key_2, '' AS key_3, file_sealed AS sealed FROM people_imports
WHERE id > :after_1 AND :after_2 = '' AND :after_3 = '' AND file_sealed IS NOT NULL AND SUBSTR(file_sealed, 1, 8) <> :mark
ORDER BY id LIMIT :most

-- name: reseal.people_imports_file_sealed_put
UPDATE people_imports SET file_sealed = :sealed WHERE id = :key_1 AND :key_2 = '' AND :key_3 = '' AND file_sealed = :before

-- name: reseal.sources_secret_sealed_count
SELECT COUNT(*) AS found FROM sources WHERE SUBSTR(secret_sealed, 1, 8) <> :mark

-- name: reseal.sources_secret_sealed_slice
SELECT store AS key_1, id AS key_2, '' AS key_3, secret_sealed AS sealed FROM sources
WHERE (store, id) > (:after_1, :after_2) AND :after_3 = '' AND SUBSTR(secret_sealed, 1, 8) <> :mark
ORDER BY store, id LIMIT :most

-- name: reseal.sources_secret_sealed_put
UPDATE sources SET secret_sealed = :sealed WHERE store = :key_1 AND id = :key_2 AND :key_3 = '' AND secret_sealed = :before

-- name: reseal.coupon_pools_key_sealed_count
SELECT COUNT(*) AS found FROM coupon_pools WHERE SUBSTR(key_sealed, 1, 8) <> :mark

-- name: reseal.coupon_pools_key_sealed_slice
SELECT id AS key_1, '' AS key_2, '' AS key_3, key_sealed AS sealed FROM coupon_pools
WHERE id > :after_1 AND :after_2 = '' AND :after_3 = '' AND SUBSTR(key_sealed, 1, 8) <> :mark
ORDER BY id LIMIT :most

-- name: reseal.coupon_pools_key_sealed_put
UPDATE coupon_pools SET key_sealed = :sealed WHERE id = :key_1 AND :key_2 = '' AND :key_3 = '' AND key_sealed = :before
