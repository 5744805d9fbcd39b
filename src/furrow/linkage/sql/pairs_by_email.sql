-- Customers of one e-mail who were never compared, for a range of values.
-- in:  after, upto text   the range of keys, (after, upto]
--      most int           a value that more customers share brings nobody together
-- out: left, right        left < right
-- One scan of customer_of_email.
WITH range AS MATERIALIZED (
    SELECT id, lower(email) AS key, count(*) OVER (PARTITION BY lower(email)) AS sharers
    FROM customers_customer
    WHERE
        lower(email) > %(after)s AND lower(email) <= %(upto)s
        AND email <> '' AND merged_into_id IS NULL
)
SELECT a.id, b.id
FROM range AS a
JOIN range AS b ON b.key = a.key AND b.id > a.id
WHERE
    a.sharers <= %(most)s
    AND NOT EXISTS (
        SELECT 1 FROM linkage_pair AS p WHERE p.left_id = a.id AND p.right_id = b.id
    )
