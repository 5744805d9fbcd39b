-- Known customers who share a value with somebody looked for.
-- in:  number_rows int[], numbers text[]      one pair per number, E.164
--      name_rows int[], name_keys text[]      one pair per name key
--      address_rows int[], address_keys text[], likewise email_rows, emails, wechat_rows, wechats
--      most_by_name, most_by_address int      a value more customers share brings nobody together
-- out: row, customer_id
-- At most five index scans per row looked for; reference: tests/test_queries.py.
SELECT p.row, n.customer_id
FROM unnest(%(number_rows)s::int[], %(numbers)s::text[]) AS p(row, e164)
JOIN customers_number AS n ON n.e164 = p.e164
UNION
SELECT p.row, c.id
FROM unnest(%(name_rows)s::int[], %(name_keys)s::text[]) AS p(row, key)
CROSS JOIN LATERAL (
    SELECT array_agg(few.id) AS ids
    FROM (
        SELECT id FROM customers_customer
        WHERE name_key = p.key AND merged_into_id IS NULL
        LIMIT %(most_by_name)s + 1
    ) AS few
) AS found
CROSS JOIN LATERAL unnest(found.ids) AS c(id)
WHERE cardinality(found.ids) <= %(most_by_name)s
UNION
SELECT p.row, c.id
FROM unnest(%(address_rows)s::int[], %(address_keys)s::text[]) AS p(row, key)
CROSS JOIN LATERAL (
    SELECT array_agg(few.id) AS ids
    FROM (
        SELECT id FROM customers_customer
        WHERE address_key = p.key AND merged_into_id IS NULL
        LIMIT %(most_by_address)s + 1
    ) AS few
) AS found
CROSS JOIN LATERAL unnest(found.ids) AS c(id)
WHERE cardinality(found.ids) <= %(most_by_address)s
UNION
SELECT p.row, c.id
FROM unnest(%(email_rows)s::int[], %(emails)s::text[]) AS p(row, key)
CROSS JOIN LATERAL (
    SELECT id FROM customers_customer
    WHERE lower(email) = p.key AND email <> '' AND merged_into_id IS NULL
    LIMIT %(most_by_address)s
) AS c
UNION
SELECT p.row, c.id
FROM unnest(%(wechat_rows)s::int[], %(wechats)s::text[]) AS p(row, key)
CROSS JOIN LATERAL (
    SELECT id FROM customers_customer
    WHERE lower(profile ->> 'wechat') = p.key AND profile ? 'wechat' AND merged_into_id IS NULL
    LIMIT %(most_by_name)s
) AS c
