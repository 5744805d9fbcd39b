-- For every row of a list: the earlier rows that share a key with it.
-- in:  batch int, most int (a key that more rows share brings nobody together)
-- out: acquisition_row.kin
-- One pass over the list's keys; only rows that have kin are written.
WITH keyed AS (
    SELECT r.line, k.key
    FROM acquisition_row AS r CROSS JOIN LATERAL unnest(r.keys) AS k(key)
    WHERE r.batch_id = %(batch)s
), block AS (
    SELECT array_agg(line ORDER BY line) AS lines
    FROM keyed GROUP BY key HAVING count(*) BETWEEN 2 AND %(most)s
), pair AS (
    SELECT DISTINCT later.line, earlier.line AS kin
    FROM block
    CROSS JOIN LATERAL unnest(block.lines) AS later(line)
    CROSS JOIN LATERAL unnest(block.lines) AS earlier(line)
    WHERE earlier.line < later.line
), gathered AS (
    SELECT line, array_agg(kin ORDER BY kin) AS kin FROM pair GROUP BY line
)
UPDATE acquisition_row AS r SET kin = gathered.kin
FROM gathered WHERE r.batch_id = %(batch)s AND r.line = gathered.line
