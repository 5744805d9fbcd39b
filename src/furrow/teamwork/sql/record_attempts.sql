-- Customers with owners that a list or a machine brought: a clash each, closed by rule at once.
-- in:  customers bigint[], by, at, entrance, state, ruling, grounds
-- out: how many
-- Who has a living clash with that customer already needs no second one.
WITH clash AS (
    INSERT INTO teamwork_clash (
        customer_id, claimant_id, holder_id, team_id, entrance, words, attempts, opened_at,
        last_at, state, ruling, grounds
    )
    SELECT customer.id, %(by)s, customer.owner_id, holder.team_id, %(entrance)s, '', 1, %(at)s,
           %(at)s, %(state)s, %(ruling)s, %(grounds)s
    FROM customers_customer AS customer
    JOIN organisation_user AS holder ON holder.id = customer.owner_id
    WHERE customer.id = ANY(%(customers)s::bigint[])
      AND customer.owner_id <> %(by)s
      AND NOT EXISTS (
          SELECT FROM teamwork_clash AS living
          WHERE living.customer_id = customer.id AND living.claimant_id = %(by)s
            AND living.state <> 'closed'
      )
    RETURNING id
), step AS (
    INSERT INTO teamwork_clashstep (clash_id, state, ruling, grounds, words, evidence, by_id, at)
    SELECT id, %(state)s, %(ruling)s, %(grounds)s, '', '[]', %(by)s, %(at)s FROM clash
)
SELECT count(*) FROM clash
