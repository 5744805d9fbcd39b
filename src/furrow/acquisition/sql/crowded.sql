-- Rows whose number stands on more rows than one customer, family or firm would fill.
-- in:  batch int, most int
-- out: acquisition_row.finding, problem
WITH crowd AS (
    SELECT n.e164
    FROM acquisition_row AS r CROSS JOIN LATERAL unnest(r.numbers) AS n(e164)
    WHERE r.batch_id = %(batch)s
    GROUP BY n.e164 HAVING count(*) > %(most)s
)
UPDATE acquisition_row AS r SET finding = 'problem', problem = 'number_crowded'
WHERE r.batch_id = %(batch)s AND r.problem = ''
    AND r.numbers && (SELECT array_agg(e164::varchar) FROM crowd)
