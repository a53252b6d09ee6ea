-- name: screens.put
INSERT INTO screens (id, store, zone, name, offer, created_ms)
VALUES (:id, :store, :zone, :name, :offer, :created_ms)
ON CONFLICT (id) DO UPDATE SET
    store = excluded.store, zone = excluded.zone, name = excluded.name, offer = excluded.offer

-- name: screens.all
SELECT id, store, zone, name, offer FROM screens ORDER BY id

-- name: screens.delete
DELETE FROM screens WHERE id = :id

-- name: screens.drop_tokens
DELETE FROM tokens WHERE scope = 'screen' AND subject = :screen

-- name: screens.put_store_offer
INSERT INTO store_offers (store, offer) VALUES (:store, :offer)
ON CONFLICT (store) DO UPDATE SET offer = excluded.offer

-- name: screens.store_offers
SELECT store, offer FROM store_offers ORDER BY store

-- name: screens.delete_store_offer
DELETE FROM store_offers WHERE store = :store

-- name: screens.delivery
-- A delivery that this screen showed, or was about to: the screen is the reference of the attempt.
SELECT d.id, d.device FROM deliveries AS d INNER JOIN attempts AS a ON a.delivery = d.id
WHERE d.id = :delivery AND a.channel = 'screen' AND a.outcome = 'accepted' AND a.reference = :screen

-- name: nicknames.of
-- The one that she chose last, on whichever device.
SELECT n.shopper, n.sealed FROM shoppers AS s
    INNER JOIN shoppers AS o ON o.person = s.person
    INNER JOIN nicknames AS n ON n.shopper = o.id
WHERE s.id = :shopper AND n.sealed IS NOT NULL ORDER BY n.at_ms DESC, n.shopper LIMIT 1

-- name: nicknames.put
INSERT INTO nicknames (shopper, nickname, sealed, at_ms) VALUES (:shopper, '', :sealed, :at_ms)
ON CONFLICT (shopper) DO UPDATE SET nickname = '', sealed = excluded.sealed, at_ms = excluded.at_ms

-- name: nicknames.clear
SELECT n.shopper, n.nickname FROM nicknames AS n INNER JOIN shoppers AS s ON s.id = n.shopper
WHERE n.sealed IS NULL ORDER BY n.shopper LIMIT :most

-- name: nicknames.seal
UPDATE nicknames SET nickname = '', sealed = :sealed WHERE shopper = :shopper AND sealed IS NULL

-- name: nicknames.forget
DELETE FROM nicknames
WHERE shopper IN (SELECT o.id FROM shoppers AS s INNER JOIN shoppers AS o ON o.person = s.person WHERE s.id = :shopper)
