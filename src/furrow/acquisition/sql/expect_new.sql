-- New rows of a list, on their way to be customers.
-- in:  batch int, after, upto int   lines, (after, upto]
-- out: customers_arriving
INSERT INTO customers_arriving (
    place, id, kind, name, city, address, email, category, profile, numbers,
    grams, sort_key, name_key, address_key
)
SELECT
    line, nextval(pg_get_serial_sequence('customers_customer', 'id')),
    facts ->> 'kind', facts ->> 'name', coalesce(facts ->> 'city', ''),
    coalesce(facts ->> 'address', ''), coalesce(facts ->> 'email', ''),
    coalesce(facts ->> 'category', ''), coalesce(facts -> 'profile', '{}'), numbers,
    grams, sort_key, name_key, address_key
FROM acquisition_row
WHERE batch_id = %(batch)s AND line > %(after)s AND line <= %(upto)s
    AND finding = 'new' AND state = 'read'
ORDER BY line
