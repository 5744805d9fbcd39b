-- What counts about customers somebody wants to claim.
-- in:  customers bigint[], agent, since (how far back owners are counted)
-- out: customer, owner, team, is_merged, when and how the agent last lost it, owners since then,
--      when the last owner lost it
SELECT customer.id, customer.owner_id, customer.team_id, customer.merged_into_id IS NOT NULL,
       mine.at, mine.change, coalesce(others.owners, 0), freed.at
FROM customers_customer AS customer
LEFT JOIN LATERAL (
    SELECT event.at, event.change FROM customers_ownershipevent AS event
    WHERE event.customer_id = customer.id AND event.from_owner_id = %(agent)s
    ORDER BY event.at DESC, event.id DESC LIMIT 1
) AS mine ON true
LEFT JOIN LATERAL (
    SELECT count(DISTINCT event.to_owner_id) AS owners FROM customers_ownershipevent AS event
    WHERE event.customer_id = customer.id AND event.at >= %(since)s
) AS others ON true
LEFT JOIN LATERAL (
    SELECT event.at FROM customers_ownershipevent AS event
    WHERE event.customer_id = customer.id AND event.to_owner_id IS NULL
    ORDER BY event.at DESC, event.id DESC LIMIT 1
) AS freed ON true
WHERE customer.id = ANY(%(customers)s::bigint[])
