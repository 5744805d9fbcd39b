-- Rows whose number stands on more rows than one customer, family or firm would fill.
-- in:  batch int, most int
-- out: acquisition_row.finding, problem
WITH crowd AS (
    SELECT k.key
    FROM acquisition_row AS r CROSS JOIN LATERAL unnest(r.keys) AS k(key)
    WHERE r.batch_id = %(batch)s AND k.key LIKE 'n:%%'
    GROUP BY k.key HAVING count(*) > %(most)s
)
UPDATE acquisition_row AS r SET finding = 'problem', problem = 'number_crowded'
WHERE r.batch_id = %(batch)s AND r.finding = ''
    AND r.keys && (SELECT array_agg(key::varchar) FROM crowd)
