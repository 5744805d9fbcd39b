-- The first event that stands where no link says an event may stand: below the highest sealed id,
-- in no link, and not among those the last link still waits for.
-- Out: id, or no row.
WITH sealed AS (
    SELECT range_agg(r) AS ids, max(upper(r)) AS beyond
    FROM audit_seal, unnest(events::int8multirange) AS r
), gaps AS (
    SELECT unnest(int8multirange(int8range(NULL, beyond)) - ids
                  - (SELECT missing::int8multirange FROM audit_seal ORDER BY number DESC LIMIT 1)
           ) AS r
    FROM sealed
)
SELECT e.id
FROM gaps
JOIN audit_event AS e ON (lower(r) IS NULL OR e.id >= lower(r)) AND e.id < upper(r)
ORDER BY e.id
LIMIT 1
