-- name: plans.get
SELECT
    p.store, p.width_m, p.height_m, p.walls, p.revision, p.changed_by, p.changed_ms, i.digest, i.width_px,
    i.height_px
FROM plans AS p LEFT JOIN plan_images AS i ON i.store = p.store
WHERE p.store = :store

-- name: plans.all
SELECT store, width_m, height_m, walls FROM plans ORDER BY store

-- name: plans.size
SELECT width_m, height_m FROM plans WHERE store = :store

-- name: plans.put
INSERT INTO plans (store, width_m, height_m, walls, changed_by, changed_ms)
VALUES (:store, :width_m, :height_m, :walls, :changed_by, :changed_ms)
ON CONFLICT (store) DO UPDATE SET
    width_m = excluded.width_m, height_m = excluded.height_m, walls = excluded.walls,
    changed_by = excluded.changed_by, changed_ms = excluded.changed_ms, revision = plans.revision + 1

-- name: plans.touch
UPDATE plans SET changed_by = :changed_by, changed_ms = :changed_ms, revision = revision + 1 WHERE store = :store

-- name: plans.delete
DELETE FROM plans WHERE store = :store

-- name: plans.image
SELECT digest, content FROM plan_images WHERE store = :store

-- name: plans.put_image
INSERT INTO plan_images (store, digest, width_px, height_px, content)
VALUES (:store, :digest, :width_px, :height_px, :content)
ON CONFLICT (store) DO UPDATE SET
    digest = excluded.digest, width_px = excluded.width_px, height_px = excluded.height_px, content = excluded.content

-- name: plans.delete_image
DELETE FROM plan_images WHERE store = :store
