-- name: learning.all
SELECT store, state FROM radio_models ORDER BY store

-- name: learning.put
INSERT INTO radio_models (store, state, at_ms) SELECT id, :state, :at_ms FROM stores WHERE id = :store
ON CONFLICT (store) DO UPDATE SET state = excluded.state, at_ms = excluded.at_ms
