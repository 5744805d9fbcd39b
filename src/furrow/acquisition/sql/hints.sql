-- For every row of a list: the earlier rows, and the customers, that share a key with it.
-- in:  batch int, most, most_by_name int (a value that more share brings nobody together)
-- out: acquisition_hint
-- One pass over the list's keys, hash joins with the company's; reference: tests/test_hints.py.
WITH keyed AS MATERIALIZED (
    SELECT r.line, k.key, hashtextextended(k.key, 0) AS hash
    FROM acquisition_row AS r CROSS JOIN LATERAL unnest(r.keys) AS k(key)
    WHERE r.batch_id = %(batch)s AND r.problem <> 'number_crowded'
), repeated AS (  -- most keys stand once: told by eight bytes each
    SELECT hash FROM keyed GROUP BY hash HAVING count(*) > 1
), block AS (
    SELECT array_agg(line) AS lines
    FROM keyed JOIN repeated USING (hash) GROUP BY key
    HAVING count(*) BETWEEN 2
        AND CASE WHEN left(key, 1) = 'k' THEN %(most_by_name)s ELSE %(most)s END
), kin AS (
    SELECT later.line, earlier.line AS kin
    FROM block
    CROSS JOIN LATERAL unnest(block.lines) AS later(line)
    CROSS JOIN LATERAL unnest(block.lines) AS earlier(line)
    WHERE earlier.line < later.line
), named AS (
    SELECT DISTINCT regexp_replace(substr(key, 3), '/[^/]*$', '') AS name_key, line
    FROM keyed
    WHERE left(key, 1) = 'k' AND EXISTS (SELECT FROM customers_customer)
), namesake AS (
    SELECT c.name_key, array_agg(c.id) AS ids
    FROM (SELECT DISTINCT name_key FROM named) AS n
    JOIN customers_customer AS c ON c.name_key = n.name_key AND c.merged_into_id IS NULL
    GROUP BY c.name_key HAVING count(*) <= %(most_by_name)s
), placed AS (
    SELECT line, substr(key, 3) AS address_key
    FROM keyed
    WHERE left(key, 1) = 'a' AND EXISTS (SELECT FROM customers_customer)
), neighbour AS (
    SELECT c.address_key, array_agg(c.id) AS ids
    FROM (SELECT DISTINCT address_key FROM placed) AS a
    JOIN customers_customer AS c ON c.address_key = a.address_key AND c.merged_into_id IS NULL
    GROUP BY c.address_key HAVING count(*) <= %(most)s
), known AS (
    SELECT k.line, n.customer_id AS customer
    FROM keyed AS k JOIN customers_number AS n ON n.e164 = substr(k.key, 3)
    WHERE left(k.key, 1) = 'n'
    UNION ALL
    SELECT line, unnest(ids) FROM named JOIN namesake USING (name_key)
    UNION ALL
    SELECT line, unnest(ids) FROM placed JOIN neighbour USING (address_key)
    UNION ALL
    SELECT k.line, c.id
    FROM keyed AS k
    JOIN customers_customer AS c ON lower(c.email) = substr(k.key, 3)
    WHERE left(k.key, 1) = 'e' AND c.email <> '' AND c.merged_into_id IS NULL
    UNION ALL
    SELECT k.line, c.id
    FROM keyed AS k
    JOIN customers_customer AS c ON lower(c.profile ->> 'wechat') = substr(k.key, 3)
    WHERE left(k.key, 1) = 'w' AND c.profile ? 'wechat' AND c.merged_into_id IS NULL
)
INSERT INTO acquisition_hint (batch_id, line, lines, customers)
SELECT
    %(batch)s, line,
    coalesce(array_agg(DISTINCT kin) FILTER (WHERE kin IS NOT NULL), '{}'),
    coalesce(array_agg(DISTINCT customer) FILTER (WHERE customer IS NOT NULL), '{}')
FROM (
    SELECT line, kin, NULL::bigint AS customer FROM kin
    UNION ALL
    SELECT line, NULL, customer FROM known
) AS found
GROUP BY line
