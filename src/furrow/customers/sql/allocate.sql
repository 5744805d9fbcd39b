-- Deals pooled customers to agents in turn.
-- in:  customers bigint[], agents bigint[] (dealt to in this order), at
-- out: customer id, agent id
-- Rows that somebody else is changing are waited for, and left alone if they have an owner then.
-- The ownership events are a statement of their own: inserted here, their deferred foreign keys
-- made each history trigger ten times slower (1.1 ms instead of 0.15 at 10,000 rows).
WITH chosen AS (
    SELECT id
    FROM customers_customer
    WHERE id = ANY(%(customers)s::bigint[]) AND owner_id IS NULL AND merged_into_id IS NULL
    ORDER BY id
    FOR NO KEY UPDATE
), dealt AS (
    SELECT id, (%(agents)s::bigint[])[
        1 + (row_number() OVER (ORDER BY id) - 1) %% cardinality(%(agents)s::bigint[])
    ] AS agent_id
    FROM chosen
)
UPDATE customers_customer AS customer
SET owner_id = dealt.agent_id,
    owned_since = %(at)s,
    team_id = coalesce(agent.team_id, customer.team_id)
FROM dealt JOIN organisation_user AS agent ON agent.id = dealt.agent_id
WHERE customer.id = dealt.id
RETURNING customer.id, customer.owner_id
