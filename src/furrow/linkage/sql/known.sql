-- Customers as they are compared; without those joined to another.
-- in:  customers bigint[]
-- out: id, name, city, address, email, profile, numbers (the primary one first, spaces between)
SELECT
    c.id, c.name, c.city, c.address, c.email, c.profile,
    coalesce((
        SELECT string_agg(n.e164, ' ' ORDER BY n.is_primary DESC, n.id)
        FROM customers_number AS n WHERE n.customer_id = c.id
    ), '')
FROM customers_customer AS c
WHERE c.id = ANY(%(customers)s) AND c.merged_into_id IS NULL
