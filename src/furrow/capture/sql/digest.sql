-- Hits become visits and views, and leave the buffer; forms become enquiries.
-- in:  most int, gap in minutes
-- out: one row: hits taken, the hits to forget by ([site, visitor] pairs as JSON)
-- Safe beside another of its kind: each takes what the other has not locked.
CREATE TEMPORARY TABLE IF NOT EXISTS capture_taken (LIKE capture_hit) ON COMMIT DELETE ROWS;
DELETE FROM capture_taken;
WITH taken AS (
    DELETE FROM capture_hit WHERE id IN (
        SELECT id FROM capture_hit ORDER BY id LIMIT %(most)s FOR UPDATE SKIP LOCKED
    )
    RETURNING *
)
INSERT INTO capture_taken SELECT * FROM taken
-- A site deleted in the meantime takes its hits with it.
WHERE EXISTS (SELECT FROM capture_site AS site WHERE site.id = taken.site_id);
ANALYZE capture_taken;

INSERT INTO capture_visitor (site_id, key, first_at, last_at)
SELECT site_id, visitor, min(at), max(at) FROM capture_taken
WHERE visitor <> '' AND kind <> 'forget'
GROUP BY site_id, visitor ORDER BY site_id, visitor
ON CONFLICT (site_id, key) DO UPDATE
SET last_at = greatest(capture_visitor.last_at, excluded.last_at);

-- The first and last sign of each view in these hits; the first nearly always opened the page.
CREATE TEMPORARY TABLE IF NOT EXISTS capture_told (
    visitor_id bigint, key text, page text, referrer text, at timestamptz,
    last_at timestamptz, seconds int
) ON COMMIT DELETE ROWS;
DELETE FROM capture_told;
INSERT INTO capture_told
SELECT
    visitor.id, taken.key, (array_agg(taken.page ORDER BY taken.at, taken.id))[1],
    (array_agg(taken.referrer ORDER BY taken.kind = 'view' DESC, taken.at, taken.id))[1],
    min(taken.at), max(taken.at), max(taken.seconds)
FROM capture_taken AS taken
JOIN capture_visitor AS visitor ON visitor.site_id = taken.site_id AND visitor.key = taken.visitor
WHERE taken.kind IN ('view', 'stay')
GROUP BY visitor.id, taken.key;

-- Whoever goes on reading stays in the visit.
UPDATE capture_visit AS visit SET last_at = greatest(visit.last_at, told.last_at)
FROM (
    SELECT view.visit_id, max(told.last_at) AS last_at
    FROM capture_told AS told
    JOIN capture_view AS view ON view.visitor_id = told.visitor_id AND view.key = told.key
    GROUP BY view.visit_id
) AS told
WHERE visit.id = told.visit_id;

-- A page opened long after everything before it begins a visit.
INSERT INTO capture_visit
    (visitor_id, started_at, last_at, entry_page, referrer, views, longest_seconds)
SELECT visitor_id, at, at, page, referrer, 0, 0
FROM (
    SELECT told.*, greatest(
        max(told.last_at) OVER (
            PARTITION BY told.visitor_id ORDER BY told.at, told.key
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ),
        latest.last_at
    ) AS before
    FROM capture_told AS told
    LEFT JOIN LATERAL (
        SELECT visit.last_at FROM capture_visit AS visit
        WHERE visit.visitor_id = told.visitor_id ORDER BY visit.started_at DESC LIMIT 1
    ) AS latest ON true
    WHERE NOT EXISTS (
        SELECT FROM capture_view AS known
        WHERE known.visitor_id = told.visitor_id AND known.key = told.key
    )
) AS opened
WHERE before IS NULL OR at - before > make_interval(mins => %(gap)s)
ON CONFLICT (visitor_id, started_at) DO NOTHING;

INSERT INTO capture_view (visit_id, visitor_id, key, page, at, seconds)
SELECT visit.id, told.visitor_id, told.key, told.page, told.at, told.seconds
FROM capture_told AS told
JOIN LATERAL (
    -- The visit it lies in; what comes late by another process may lie before the first.
    SELECT visit.id FROM capture_visit AS visit
    WHERE visit.visitor_id = told.visitor_id
    ORDER BY
        visit.started_at <= told.at DESC,
        abs(extract(epoch FROM visit.started_at - told.at))
    LIMIT 1
) AS visit ON true
ON CONFLICT (visitor_id, key) DO UPDATE
SET seconds = greatest(capture_view.seconds, excluded.seconds);

UPDATE capture_visit AS visit
SET last_at = greatest(visit.last_at, told.last_at),
    longest_seconds = greatest(visit.longest_seconds, told.seconds),
    views = (SELECT count(*) FROM capture_view AS view WHERE view.visit_id = visit.id)
FROM (
    SELECT view.visit_id, max(told.last_at) AS last_at, max(told.seconds) AS seconds
    FROM capture_told AS told
    JOIN capture_view AS view ON view.visitor_id = told.visitor_id AND view.key = told.key
    GROUP BY view.visit_id
) AS told
WHERE visit.id = told.visit_id;

INSERT INTO capture_enquiry (site_id, key, visitor_id, at, page, given, problem)
SELECT taken.site_id, taken.key, visitor.id, taken.at, taken.page, taken.given, ''
FROM capture_taken AS taken
LEFT JOIN capture_visitor AS visitor
    ON visitor.site_id = taken.site_id AND visitor.key = taken.visitor
WHERE taken.kind = 'form'
ORDER BY taken.id
ON CONFLICT (site_id, key) DO NOTHING;

SELECT count(*), coalesce(
    jsonb_agg(jsonb_build_array(site_id, visitor)) FILTER (WHERE kind = 'forget'), '[]'
)::text
FROM capture_taken
