-- Owned customers, of a stretch of ids, whose revisit falls due and who have no call planned.
-- in:  after, upto (ids), at, until (due before this), soonest (touched before this, or no policy
--      can be due), policies place by place: keys text[], bought int[] (NULL = whether or not they
--      bought, 0 = at any time, else within so many days), pis int[], days int[]
-- out: customer, owner, policy, due since, last touch
-- The reference is rules.revisit_of. A purchase is a sale we were told of, or sold in a call. Left out: merged, planted, taken out by screening, resting
-- after refusals, and who may not be called on any number (see customers, CustomerQuerySet.callable).
WITH policy AS (
    SELECT * FROM unnest(%(keys)s::text[], %(bought)s::int[], %(pis)s::int[], %(days)s::int[])
        WITH ORDINALITY AS one (key, bought_days, pi_from, every_days, place)
), bought AS (
    SELECT customer_id, max(sold_at) AS at FROM teamwork_sale
    WHERE customer_id > %(after)s AND customer_id <= %(upto)s AND sold_at <= %(at)s
    GROUP BY customer_id
), quiet AS (
    SELECT customer.id, customer.owner_id, standing.pi,
           greatest(bought.at, keeping.dealt_at) AS bought_at,
           coalesce(customer.last_touch_at, customer.created_at) AS touched_at
    FROM customers_customer AS customer
    LEFT JOIN pipeline_standing AS standing
        ON standing.customer_id = customer.id
        AND standing.customer_id > %(after)s AND standing.customer_id <= %(upto)s
    LEFT JOIN bought ON bought.customer_id = customer.id
    LEFT JOIN ownership_standing AS keeping
        ON keeping.customer_id = customer.id
        AND keeping.customer_id > %(after)s AND keeping.customer_id <= %(upto)s
    WHERE customer.id > %(after)s AND customer.id <= %(upto)s
      AND customer.owner_id IS NOT NULL AND customer.merged_into_id IS NULL
      AND NOT customer.is_planted
      AND coalesce(customer.last_touch_at, customer.created_at) < %(soonest)s
      AND coalesce(standing.out, '') = ''
), due AS (
    SELECT quiet.id, quiet.owner_id, chosen.key, quiet.touched_at,
           quiet.touched_at + make_interval(days => chosen.every_days) AS due_at
    FROM quiet CROSS JOIN LATERAL (
        SELECT policy.key, policy.every_days FROM policy
        WHERE (policy.bought_days IS NULL
               OR policy.bought_days = 0 AND quiet.bought_at IS NOT NULL
               OR quiet.bought_at > %(at)s - make_interval(days => policy.bought_days))
          AND (policy.pi_from IS NULL OR quiet.pi >= policy.pi_from)
        ORDER BY policy.place LIMIT 1
    ) AS chosen
)
SELECT due.id, due.owner_id, due.key, due.due_at, due.touched_at
FROM due
WHERE due.due_at < %(until)s
  AND NOT EXISTS (
      SELECT FROM followups_followup AS followup
      WHERE followup.customer_id = due.id AND followup.done_at IS NULL
        AND followup.channel = 'call')
  AND NOT EXISTS (
      SELECT FROM followups_rest AS rest WHERE rest.customer_id = due.id AND rest.until > %(at)s)
  AND EXISTS (
      SELECT FROM customers_number AS number
      WHERE number.customer_id = due.id AND NOT EXISTS (
          SELECT FROM compliance_suppression AS barred
          WHERE barred.e164 = number.e164 AND barred.lifted_at IS NULL AND barred.until IS NULL))
  AND NOT EXISTS (
      SELECT FROM customers_number AS number
      JOIN compliance_suppression AS barred
          ON barred.e164 = number.e164 AND barred.lifted_at IS NULL AND barred.until IS NULL
      WHERE number.customer_id = due.id AND barred.kind IN ('opted_out', 'complaint'))
ORDER BY due.owner_id, due.due_at, due.id
