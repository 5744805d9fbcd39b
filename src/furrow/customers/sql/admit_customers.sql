-- Customers from customers_arriving, in the pool of a team.
-- in:  team int or null, at timestamptz
INSERT INTO customers_customer (
    id, kind, name, city, address, email, category, profile, team_id, created_at,
    grams, sort_key, name_key, address_key
)
SELECT
    id, kind, name, city, address, email, category, profile, %(team)s::bigint, %(at)s::timestamptz,
    grams, sort_key, name_key, address_key
FROM customers_arriving
ORDER BY id
