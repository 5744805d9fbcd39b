-- Every name in the trail, by jumping from one to the next along the index on (what, at):
-- as many index look-ups as there are names, however long the trail.
WITH RECURSIVE names AS (
    (SELECT what FROM audit_event ORDER BY what LIMIT 1)
    UNION ALL
    SELECT (SELECT e.what FROM audit_event e WHERE e.what > names.what ORDER BY e.what LIMIT 1)
    FROM names
    WHERE names.what IS NOT NULL
)
SELECT what FROM names WHERE what IS NOT NULL ORDER BY what
