-- Changes many owners at once.
-- in:  customers, froms, tos bigint[] (place by place; null is the pool), at
-- out: customer id, owner before, owner now
-- Rows that somebody else is changing are waited for, and left alone unless they still have the
-- owner `froms` says: of two who want one customer exactly one gets it.
WITH wanted AS (
    SELECT *
    FROM unnest(%(customers)s::bigint[], %(froms)s::bigint[], %(tos)s::bigint[])
        AS one (id, from_id, to_id)
), held AS (
    SELECT customer.id, wanted.from_id, wanted.to_id
    FROM customers_customer AS customer JOIN wanted ON wanted.id = customer.id
    WHERE customer.merged_into_id IS NULL
      AND customer.owner_id IS NOT DISTINCT FROM wanted.from_id
      AND wanted.to_id IS DISTINCT FROM wanted.from_id
    ORDER BY customer.id
    FOR NO KEY UPDATE OF customer
)
UPDATE customers_customer AS customer
SET owner_id = held.to_id,
    owned_since = CASE WHEN held.to_id IS NOT NULL THEN %(at)s::timestamptz END,
    team_id = coalesce(getter.team_id, customer.team_id)
FROM held LEFT JOIN organisation_user AS getter ON getter.id = held.to_id
WHERE customer.id = held.id
RETURNING customer.id, held.from_id, held.to_id
