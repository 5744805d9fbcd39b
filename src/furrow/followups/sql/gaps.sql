-- Reminders that revisit policies would have made in a stretch of the past.
-- in:  since, at (the days that are tried), policies as in sql/revisits.sql
-- out: policy, owner now, how many, how many of them bought within 30 days of the reminder
-- A reminder is made when nobody called for as long as the policy says; the next call ends it. The
-- class is that of the time, but for PI, of which the latest is taken.
WITH policy AS (
    SELECT * FROM unnest(%(keys)s::text[], %(bought)s::int[], %(pis)s::int[], %(days)s::int[])
        WITH ORDINALITY AS one (key, bought_days, pi_from, every_days, place)
), touch AS (
    SELECT customer_id, dialed_at AS at FROM calls_call
    WHERE dialed_at IS NOT NULL AND dialed_at <= %(at)s
    UNION ALL
    SELECT id, created_at FROM customers_customer
    WHERE owner_id IS NOT NULL AND merged_into_id IS NULL AND created_at <= %(at)s
), gap AS (
    SELECT customer_id, at AS from_at,
           lead(at, 1, %(at)s) OVER (PARTITION BY customer_id ORDER BY at) AS to_at
    FROM touch
), classed AS (
    SELECT gap.customer_id, customer.owner_id, gap.to_at, chosen.key,
           gap.from_at + make_interval(days => chosen.every_days) AS reminded_at
    FROM gap
    JOIN customers_customer AS customer
        ON customer.id = gap.customer_id AND customer.owner_id IS NOT NULL
        AND customer.merged_into_id IS NULL
    LEFT JOIN pipeline_standing AS standing ON standing.customer_id = gap.customer_id
    LEFT JOIN LATERAL (
        SELECT max(deal.at) AS at FROM (
            SELECT sold_at AS at FROM teamwork_sale WHERE customer_id = gap.customer_id
            UNION ALL
            SELECT at FROM ownership_act WHERE customer_id = gap.customer_id AND is_deal
        ) AS deal WHERE deal.at <= gap.from_at
    ) AS bought ON true
    CROSS JOIN LATERAL (
        SELECT policy.key, policy.every_days FROM policy
        WHERE (policy.bought_days IS NULL
               OR policy.bought_days = 0 AND bought.at IS NOT NULL
               OR bought.at > gap.from_at - make_interval(days => policy.bought_days))
          AND (policy.pi_from IS NULL OR standing.pi >= policy.pi_from)
        ORDER BY policy.place LIMIT 1
    ) AS chosen
    WHERE gap.to_at > %(since)s AND gap.to_at - gap.from_at > %(shortest)s::interval
)
SELECT classed.key, classed.owner_id, count(*),
       count(*) FILTER (WHERE EXISTS (
           SELECT FROM teamwork_sale AS sale
           WHERE sale.customer_id = classed.customer_id AND sale.sold_at > classed.reminded_at
             AND sale.sold_at <= classed.reminded_at + interval '30 days'))
FROM classed
WHERE classed.reminded_at > %(since)s AND classed.reminded_at <= %(at)s
  AND classed.reminded_at < classed.to_at
GROUP BY classed.key, classed.owner_id
