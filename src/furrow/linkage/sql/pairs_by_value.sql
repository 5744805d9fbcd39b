-- Customers who share one value and were never compared, for a range of values.
-- in:  {key}, {has}       the value, and whether there is one; see queries.VALUES
--      after, upto text   the range, (after, upto]
--      most int           a value that more customers share brings nobody together
-- out: left, right        left < right
-- One scan of the value's index.
WITH range AS MATERIALIZED (
    SELECT id, {key} AS key, count(*) OVER (PARTITION BY {key}) AS sharers
    FROM customers_customer
    WHERE {key} > %(after)s AND {key} <= %(upto)s AND {has} AND merged_into_id IS NULL
)
SELECT a.id, b.id
FROM range AS a
JOIN range AS b ON b.key = a.key AND b.id > a.id
WHERE
    a.sharers <= %(most)s
    AND NOT EXISTS (
        SELECT 1 FROM linkage_pair AS p WHERE p.left_id = a.id AND p.right_id = b.id
    )
