-- Owned customers, of a stretch of ids, whose clocks may have run out.
-- in:  after, upto (ids), teams bigint[] with firsts, nexts, deals timestamptz[] (place by place:
--      a clock that started earlier has run out for somebody of that team; 0 is no team),
--      gone bigint[] (owners who have left), at
-- out: customer, owner, owned_since, team, effective_at, dealt_at, protected_until
-- Finds all that are due and some that are not: who has leave, days of a campaign's pause, or
-- periods of another class are told apart by ownership.rules.due_of, which decides.
SELECT customer.id, customer.owner_id, customer.owned_since, customer.team_id,
       standing.effective_at, standing.dealt_at, standing.protected_until
FROM customers_customer AS customer
JOIN unnest(%(teams)s::bigint[], %(firsts)s::timestamptz[], %(nexts)s::timestamptz[],
            %(deals)s::timestamptz[]) AS cut (team_id, first_before, next_before, deal_before)
    ON cut.team_id = coalesce(customer.team_id, 0)
LEFT JOIN ownership_standing AS standing
    ON standing.customer_id = customer.id
    AND standing.customer_id > %(after)s AND standing.customer_id <= %(upto)s
WHERE customer.id > %(after)s AND customer.id <= %(upto)s
  AND customer.owner_id IS NOT NULL AND customer.merged_into_id IS NULL
  AND (
      customer.owner_id = ANY(%(gone)s::bigint[])
      OR (
          (
              CASE WHEN standing.effective_at >= customer.owned_since
                   THEN standing.effective_at < cut.next_before
                   ELSE customer.owned_since < cut.first_before END
              OR greatest(customer.owned_since, standing.dealt_at) < cut.deal_before
          )
          AND (standing.protected_until IS NULL OR standing.protected_until <= %(at)s)
      )
  )
ORDER BY customer.id
