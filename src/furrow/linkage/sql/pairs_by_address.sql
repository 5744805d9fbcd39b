-- Customers of one address who were never compared, for a range of addresses.
-- in:  after, upto text   the range of address keys, (after, upto]
--      most int           an address that more customers share brings nobody together
-- out: left, right        left < right
-- One scan of customer_of_address.
WITH range AS MATERIALIZED (
    SELECT id, address_key AS key, count(*) OVER (PARTITION BY address_key) AS neighbours
    FROM customers_customer
    WHERE address_key > %(after)s AND address_key <= %(upto)s AND merged_into_id IS NULL
)
SELECT a.id, b.id
FROM range AS a
JOIN range AS b ON b.key = a.key AND b.id > a.id
WHERE
    a.neighbours <= %(most)s AND b.neighbours <= %(most)s
    AND NOT EXISTS (
        SELECT 1 FROM linkage_pair AS p WHERE p.left_id = a.id AND p.right_id = b.id
    )
