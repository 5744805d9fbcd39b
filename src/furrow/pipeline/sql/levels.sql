-- L0 to L5 by what customers of a stretch of ids paid recently, written where it changed (C3).
-- in:  after, upto (ids), since (when recent begins), levels bigint[] (amounts in minor units from
--      which L1 to L5 begin)
-- out: customer, whether they paid after they came to their stage; those who never paid are absent
-- The reference is rules.level_of. Payments are the sales that teamwork was told of, less refunds;
-- when orders keep payments of their own, they are read here and nowhere else.
WITH payment AS (
    SELECT customer_id, sold_at AS paid_at, amount_minor FROM teamwork_sale
    WHERE customer_id > %(after)s AND customer_id <= %(upto)s
    UNION ALL
    SELECT sale.customer_id, sale.sold_at, -refund.amount_minor
    FROM teamwork_refund AS refund JOIN teamwork_sale AS sale ON sale.id = refund.sale_id
    WHERE sale.customer_id > %(after)s AND sale.customer_id <= %(upto)s
), paid AS (
    SELECT customer_id, max(paid_at) AS last_at,
           coalesce(sum(amount_minor) FILTER (WHERE paid_at > %(since)s), 0) AS minor
    FROM payment GROUP BY customer_id
), levelled AS (
    SELECT customer_id, last_at, width_bucket(minor, %(levels)s::numeric[]) AS level FROM paid
), written AS (
    UPDATE pipeline_standing AS standing SET level = levelled.level
    FROM levelled
    WHERE standing.customer_id = levelled.customer_id
      AND standing.level IS DISTINCT FROM levelled.level
)
SELECT standing.customer_id, levelled.last_at > standing.since
FROM levelled JOIN pipeline_standing AS standing ON standing.customer_id = levelled.customer_id
