-- What counts about an agent who wants to claim customers.
-- in:  agent, today (when the company's day began), farmed_since, within_hours
-- out: claimed today, held, of those not worked yet, claimed and given back unworked
-- IS NOT DISTINCT FROM keeps the planner from walking all that the agent ever did.
SELECT
    (SELECT count(*) FROM customers_ownershipevent
     WHERE to_owner_id = %(agent)s AND change = 'claimed' AND at >= %(today)s),
    held.all_of_them, held.unworked,
    (SELECT count(*)
     FROM customers_ownershipevent AS lost
     WHERE lost.from_owner_id = %(agent)s AND lost.to_owner_id IS NULL
       AND lost.change = 'released' AND lost.at >= %(farmed_since)s
       AND lost.by_id IS NOT DISTINCT FROM %(agent)s
       AND EXISTS (
           SELECT FROM customers_ownershipevent AS got
           WHERE got.customer_id = lost.customer_id AND got.to_owner_id = %(agent)s
             AND got.change = 'claimed' AND got.at >= lost.at - make_interval(hours => %(within_hours)s)
             AND got.at <= lost.at
             AND NOT EXISTS (
                 SELECT FROM ownership_act AS act
                 WHERE act.customer_id = lost.customer_id AND act.is_effective
                   AND act.at BETWEEN got.at AND lost.at)))
FROM (
    SELECT count(*) AS all_of_them,
           count(*) FILTER (
               WHERE standing.effective_at IS NULL OR standing.effective_at < customer.owned_since
           ) AS unworked
    FROM customers_customer AS customer
    LEFT JOIN ownership_standing AS standing ON standing.customer_id = customer.id
    WHERE customer.owner_id = %(agent)s AND customer.merged_into_id IS NULL
) AS held
