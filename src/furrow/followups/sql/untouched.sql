-- Customers of a stretch of ids whom nobody touched since an instant and nobody is reminded of.
-- in:  after, upto (ids), at, since
-- out: team (for the pool's), whether they are owned, how many
-- Left out are the same as in sql/revisits.sql. The owned are none, after a night's run.
SELECT customer.team_id, customer.owner_id IS NOT NULL, count(*)
FROM customers_customer AS customer
LEFT JOIN pipeline_standing AS standing
    ON standing.customer_id = customer.id
    AND standing.customer_id > %(after)s AND standing.customer_id <= %(upto)s
WHERE customer.id > %(after)s AND customer.id <= %(upto)s
  AND customer.merged_into_id IS NULL AND NOT customer.is_planted
  AND coalesce(customer.last_touch_at, customer.created_at) < %(since)s
  AND coalesce(standing.out, '') = ''
  AND NOT EXISTS (
      SELECT FROM followups_followup AS followup
      WHERE followup.customer_id = customer.id AND followup.done_at IS NULL)
  AND NOT EXISTS (
      SELECT FROM followups_rest AS rest
      WHERE rest.customer_id = customer.id AND rest.until > %(at)s)
  AND EXISTS (
      SELECT FROM customers_number AS number
      WHERE number.customer_id = customer.id AND NOT EXISTS (
          SELECT FROM compliance_suppression AS barred
          WHERE barred.e164 = number.e164 AND barred.lifted_at IS NULL AND barred.until IS NULL))
  AND NOT EXISTS (
      SELECT FROM customers_number AS number
      JOIN compliance_suppression AS barred
          ON barred.e164 = number.e164 AND barred.lifted_at IS NULL AND barred.until IS NULL
      WHERE number.customer_id = customer.id AND barred.kind IN ('opted_out', 'complaint'))
GROUP BY 1, 2
