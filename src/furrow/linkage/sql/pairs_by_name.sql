-- Customers of one name who were never compared, for a range of names.
-- in:  after, upto text   the range of name keys, (after, upto]
--      most int           a name that more customers share is compared within one city only
-- out: left, right        left < right
-- One scan of customer_of_name; two hash joins, so a common name is never squared.
WITH range AS MATERIALIZED (
    SELECT
        id, name_key AS key, city,
        count(*) OVER (PARTITION BY name_key) AS namesakes,
        count(*) OVER (PARTITION BY name_key, city) AS neighbours
    FROM customers_customer
    WHERE name_key > %(after)s AND name_key <= %(upto)s AND merged_into_id IS NULL
),
found AS (
    SELECT a.id AS left, b.id AS right
    FROM range AS a
    JOIN range AS b ON b.key = a.key AND b.id > a.id
    WHERE a.namesakes <= %(most)s AND b.namesakes <= %(most)s
    UNION ALL
    SELECT a.id, b.id
    FROM range AS a
    JOIN range AS b ON b.key = a.key AND b.city = a.city AND b.id > a.id
    WHERE
        a.namesakes > %(most)s AND a.neighbours <= %(most)s AND b.neighbours <= %(most)s
        AND a.city <> ''
)
SELECT found.left, found.right
FROM found
WHERE NOT EXISTS (
    SELECT 1 FROM linkage_pair AS p
    WHERE p.left_id = found.left AND p.right_id = found.right
)
