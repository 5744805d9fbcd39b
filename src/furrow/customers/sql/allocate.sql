-- Deals pooled customers to agents in turn, with one ownership event each.
-- in:  customers bigint[], agents bigint[] (dealt to in this order), change, by, at
-- out: agent id, how many
-- Rows that somebody else is changing are waited for, and left alone if they have an owner then.
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
), given AS (
    UPDATE customers_customer AS customer
    SET owner_id = dealt.agent_id,
        owned_since = %(at)s,
        team_id = coalesce(agent.team_id, customer.team_id)
    FROM dealt JOIN organisation_user AS agent ON agent.id = dealt.agent_id
    WHERE customer.id = dealt.id
    RETURNING customer.id, customer.owner_id
), told AS (
    INSERT INTO customers_ownershipevent (customer_id, to_owner_id, change, reason, by_id, at)
    SELECT id, owner_id, %(change)s, '', %(by)s, %(at)s
    FROM given
)
SELECT owner_id, count(*) FROM given GROUP BY owner_id
