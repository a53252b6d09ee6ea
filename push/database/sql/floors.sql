-- What happened on stores' floors: minutes as they are kept, and what is asked of visits, stays and minutes afterwards.

-- name: floors.minutes_of
-- What is kept of some stores' minutes already.
SELECT store, minute_ms, grid_rows, grid_columns, cell_w_m, cell_h_m, person_ds, reached FROM floor_minutes
WHERE store IN (SELECT value FROM {json_each}(:stores{as_json})) AND minute_ms >= :from_ms AND minute_ms <= :to_ms

-- name: floors.put_minute
INSERT INTO floor_minutes (store, minute_ms, grid_rows, grid_columns, cell_w_m, cell_h_m, person_ds, reached)
VALUES (:store, :minute_ms, :grid_rows, :grid_columns, :cell_w_m, :cell_h_m, :person_ds, :reached)
ON CONFLICT (store, minute_ms) DO UPDATE SET
    grid_rows = excluded.grid_rows, grid_columns = excluded.grid_columns,
    cell_w_m = excluded.cell_w_m, cell_h_m = excluded.cell_h_m,
    person_ds = excluded.person_ds, reached = excluded.reached

-- name: floors.add_zone_minute
INSERT INTO zone_minutes (store, zone, minute_ms, person_s, entered)
VALUES (:store, :zone, :minute_ms, :person_s, :entered)
ON CONFLICT (store, zone, minute_ms) DO UPDATE SET
    person_s = zone_minutes.person_s + excluded.person_s, entered = zone_minutes.entered + excluded.entered

-- name: floors.gone_from_floors
-- A store that has minutes and is not registered: from one store's first minute to the next one's, past all the others.
WITH RECURSIVE held (store) AS (
    SELECT MIN(store) FROM floor_minutes
    UNION ALL
    SELECT (SELECT MIN(f.store) FROM floor_minutes AS f WHERE f.store > held.store) FROM held WHERE held.store IS NOT NULL
)
SELECT store FROM held WHERE store IS NOT NULL AND NOT EXISTS (SELECT 1 FROM stores AS s WHERE s.id = held.store) LIMIT 1

-- name: floors.forget_floor
DELETE FROM floor_minutes WHERE store = :store AND minute_ms <= (
    SELECT MAX(f.minute_ms) FROM (
        SELECT o.minute_ms FROM floor_minutes AS o WHERE o.store = :store ORDER BY o.minute_ms LIMIT :most
    ) AS f
)

-- name: floors.gone_from_zones
WITH RECURSIVE held (store) AS (
    SELECT MIN(store) FROM zone_minutes
    UNION ALL
    SELECT (SELECT MIN(z.store) FROM zone_minutes AS z WHERE z.store > held.store) FROM held WHERE held.store IS NOT NULL
)
SELECT store FROM held WHERE store IS NOT NULL AND NOT EXISTS (SELECT 1 FROM stores AS s WHERE s.id = held.store) LIMIT 1

-- name: floors.forget_zones
-- Zone by zone.
DELETE FROM zone_minutes
WHERE store = :store AND zone = (SELECT MIN(o.zone) FROM zone_minutes AS o WHERE o.store = :store) AND minute_ms <= (
    SELECT MAX(f.minute_ms) FROM (
        SELECT o.minute_ms FROM zone_minutes AS o
        WHERE o.store = :store AND o.zone = (SELECT MIN(p.zone) FROM zone_minutes AS p WHERE p.store = :store)
        ORDER BY o.minute_ms LIMIT :most
    ) AS f
)

-- name: floors.minutes
SELECT minute_ms, grid_rows, grid_columns, cell_w_m, cell_h_m, person_ds, reached FROM floor_minutes
WHERE store = :store AND minute_ms >= :from_ms AND minute_ms < :to_ms ORDER BY minute_ms

-- name: floors.latest_grid
SELECT grid_rows, grid_columns, cell_w_m, cell_h_m FROM floor_minutes
WHERE store = :store AND minute_ms < :to_ms ORDER BY minute_ms DESC LIMIT 1

-- name: floors.zone_spans
-- Sums of zones over equal spans of time, and those of minutes alone in which more than so much was spent there.
SELECT zone, (minute_ms - :origin_ms) / :step_ms AS span, SUM(person_s) AS person_s,
    SUM(CASE WHEN person_s > :crowd_s THEN person_s ELSE 0.0 END) AS crowded_s, CAST(SUM(entered) AS BIGINT) AS entered
FROM zone_minutes
WHERE store = :store AND minute_ms >= :from_ms AND minute_ms < :to_ms
GROUP BY zone, (minute_ms - :origin_ms) / :step_ms

-- name: floors.zones
SELECT id FROM zones WHERE store = :store ORDER BY id

-- name: floors.visits
-- Whoever was there at some time of a period, and whether she had been there before; by when visits began, each column as
-- one list. How often she came anywhere is little beside how often anybody came to this store: `|| ''` keeps SQLite from
-- looking through all of that.
SELECT {json_list}(f.person) AS person, {json_list}(f.entered_ms) AS entered_ms, {json_list}(f.left_ms) AS left_ms,
    {json_list}(f.again) AS again
FROM (
    SELECT COALESCE(p.person, v.shopper) AS person, v.entered_ms, v.left_ms,
        CASE WHEN EXISTS (
            SELECT 1 FROM visits AS e
            WHERE e.shopper = v.shopper AND e.store || '' = v.store AND e.entered_ms < v.entered_ms
        ) OR EXISTS (
            SELECT 1 FROM shoppers AS o INNER JOIN visits AS e ON e.shopper = o.id
            WHERE o.person = p.person AND e.store || '' = v.store AND e.entered_ms < v.entered_ms
        ) THEN 1 ELSE 0 END AS again
    FROM visits AS v LEFT JOIN shoppers AS p ON p.id = v.shopper
    WHERE v.store = :store AND v.entered_ms >= :since_ms AND v.entered_ms < :to_ms
        AND (v.left_ms IS NULL OR v.left_ms >= :from_ms)
    ORDER BY v.entered_ms, v.id
) AS f

-- name: floors.stays
-- Their stays likewise; who left a store left its zones.
SELECT {json_list}(f.visit) AS visit, {json_list}(f.person) AS person, {json_list}(f.zone) AS zone,
    {json_list}(f.entered_ms) AS entered_ms, {json_list}(f.left_ms) AS left_ms, {json_list}(f.came_ms) AS came_ms,
    {json_list}(f.went_ms) AS went_ms
FROM (
    SELECT v.id AS visit, COALESCE(p.person, v.shopper) AS person, t.zone, t.entered_ms,
        COALESCE(t.left_ms, v.left_ms) AS left_ms, v.entered_ms AS came_ms, v.left_ms AS went_ms
    FROM visits AS v INNER JOIN stays AS t ON t.visit = v.id LEFT JOIN shoppers AS p ON p.id = v.shopper
    WHERE v.store = :store AND v.entered_ms >= :since_ms AND v.entered_ms < :to_ms
        AND (v.left_ms IS NULL OR v.left_ms >= :from_ms)
    ORDER BY v.entered_ms, v.id, t.entered_ms, t.id
) AS f

-- name: floors.regulars
-- Every visit of whoever came more than once.
WITH came AS (
    SELECT COALESCE(p.person, v.shopper) AS person, v.entered_ms, v.left_ms
    FROM visits AS v LEFT JOIN shoppers AS p ON p.id = v.shopper
    WHERE v.store = :store AND v.entered_ms >= :since_ms AND v.entered_ms < :to_ms
        AND (v.left_ms IS NULL OR v.left_ms >= :from_ms)
)
SELECT person, entered_ms, left_ms FROM came
WHERE person IN (SELECT person FROM came GROUP BY person HAVING COUNT(*) > 1)

-- name: floors.oldest_visit
-- When the first visit that is kept began, and when the first one ended: one of those that began within a day of it.
SELECT MIN(entered_ms) AS entered_ms, MIN(left_ms) AS left_ms FROM visits
WHERE store = :store AND entered_ms < (SELECT MIN(o.entered_ms) FROM visits AS o WHERE o.store = :store) + 86400000

-- name: floors.oldest_minute
SELECT MIN(minute_ms) AS minute_ms FROM floor_minutes WHERE store = :store

-- name: floors.list
-- Visits that began in a period, the latest first.
SELECT v.id, v.shopper, v.entered_ms, v.left_ms, v.late,
    (SELECT COUNT(*) FROM stays AS t WHERE t.visit = v.id) AS stays
FROM visits AS v
WHERE v.store = :store AND v.entered_ms >= :from_ms AND v.entered_ms < :to_ms
    AND (v.entered_ms, v.id{c}) < (:after_ms, :after_id)
    AND (:zone = '' OR EXISTS (SELECT 1 FROM stays AS t WHERE t.visit = v.id AND t.zone = :zone))
    AND (:shopper = '' OR v.shopper = :shopper OR v.shopper IN (
        SELECT o.id FROM shoppers AS s INNER JOIN shoppers AS o ON o.person = s.person WHERE s.id = :shopper
    ))
    AND (:open < 0 OR (CASE WHEN v.left_ms IS NULL THEN 1 ELSE 0 END) = :open)
    AND (:late < 0 OR v.late = :late)
    AND COALESCE(v.left_ms, :now_ms) - v.entered_ms >= :least_ms
ORDER BY v.entered_ms DESC, v.id{c} DESC LIMIT :most

-- name: floors.visit
SELECT v.id, v.shopper, v.entered_ms, v.left_ms, v.late,
    (SELECT COUNT(*) FROM stays AS t WHERE t.visit = v.id) AS stays
FROM visits AS v WHERE v.store = :store AND v.id = :visit

-- name: floors.path
SELECT t.zone, t.entered_ms, COALESCE(t.left_ms, v.left_ms) AS left_ms
FROM stays AS t INNER JOIN visits AS v ON v.id = t.visit
WHERE t.visit = :visit ORDER BY t.entered_ms, t.id LIMIT :most
