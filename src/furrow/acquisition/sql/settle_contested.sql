-- Of the rows that contest one customer's name, the likeliest becomes that customer, unless another
-- row of the list is that customer already.
-- in:  batch int
-- out: acquisition_row.finding, problem
WITH likeliest AS (
    SELECT DISTINCT ON (customer_id) id, customer_id
    FROM acquisition_row
    WHERE batch_id = %(batch)s AND finding = 'doubt' AND problem = 'contested'
        AND customer_id IS NOT NULL
    ORDER BY customer_id, weight DESC, line
)
UPDATE acquisition_row AS r SET finding = 'known', problem = ''
FROM likeliest
WHERE r.id = likeliest.id AND NOT EXISTS (
    SELECT FROM acquisition_row AS k
    WHERE k.batch_id = %(batch)s AND k.finding = 'known' AND k.customer_id = likeliest.customer_id
)
