-- The committed events no link has sealed yet, and what is missing below the highest of them.
-- In: last = highest id any link knows; missing = ids below it not seen yet; given_up = those
-- missing a day ago already; most = how many at once.
-- Out: ids (int8multirange as text; NULL for none), count, highest, missing (as text).
WITH found AS (
    (SELECT id FROM audit_event WHERE id > %(last)s ORDER BY id LIMIT %(most)s)
    UNION ALL
    (SELECT e.id
     FROM unnest(%(missing)s::int8multirange) AS r
     JOIN audit_event AS e ON e.id >= lower(r) AND e.id < upper(r)
     LIMIT %(most)s)
), counted AS (
    SELECT range_agg(int8range(id, id, '[]')) AS ids, count(*) AS events,
           greatest(max(id), %(last)s) AS highest
    FROM found
)
SELECT ids::text, events, highest,
       (%(missing)s::int8multirange + int8multirange(int8range(%(last)s + 1, highest + 1))
        - coalesce(ids, '{}'::int8multirange) - %(given_up)s::int8multirange)::text
FROM counted
