-- What each source gave, and each of its lists.
-- in:  at timestamptz, source bigint or null (= every one), currency text
-- out: source_id, batch_id (null = the whole source), leads, customers, contactable (with a number
--      that no suppression forbids now), fitting (the source's target profile), named_first
--      (customers whose first origin it is), buyers and revenue (of these, since they were named)
WITH named AS (
    SELECT
        source_id, batch_id, customer_id, count(*) AS leads, min(at) AS at,
        bool_or(is_first) AS is_first
    FROM acquisition_lead
    WHERE %(source)s::bigint IS NULL OR source_id = %(source)s::bigint
    GROUP BY GROUPING SETS (
        (source_id, customer_id),
        (source_id, batch_id, customer_id)
    )
    HAVING grouping(batch_id) = 1 OR batch_id IS NOT NULL
), judged AS (
    SELECT
        named.*,
        EXISTS (
            SELECT FROM customers_number AS n
            WHERE n.customer_id = named.customer_id AND NOT EXISTS (
                SELECT FROM compliance_suppression AS s
                WHERE s.e164 = n.e164 AND s.lifted_at IS NULL
                    AND (s.until IS NULL OR s.until > %(at)s)
            )
        ) AS is_contactable,
        coalesce(source.target ->> 'kind', customer.kind) = customer.kind
            AND (source.target -> 'cities' IS NULL OR source.target -> 'cities' ? customer.city)
            AND (
                source.target -> 'categories' IS NULL
                OR source.target -> 'categories' ? customer.category
            ) AS fits
    FROM named
    JOIN customers_customer AS customer ON customer.id = named.customer_id
    JOIN acquisition_source AS source ON source.id = named.source_id
), bought AS (
    SELECT judged.source_id, judged.batch_id, judged.customer_id, sum(
        sale.amount_minor - coalesce((
            SELECT sum(refund.amount_minor) FROM teamwork_refund AS refund
            WHERE refund.sale_id = sale.id
        ), 0)
    ) AS revenue
    FROM teamwork_sale AS sale
    JOIN judged ON judged.customer_id = sale.customer_id
    WHERE judged.is_first AND sale.sold_at >= judged.at AND sale.currency = %(currency)s
    GROUP BY judged.source_id, judged.batch_id, judged.customer_id
)
SELECT
    judged.source_id, judged.batch_id,
    sum(judged.leads)::bigint, count(*),
    count(*) FILTER (WHERE judged.is_contactable), count(*) FILTER (WHERE judged.fits),
    count(*) FILTER (WHERE judged.is_first),
    count(bought.customer_id), coalesce(sum(bought.revenue), 0)::bigint
FROM judged
LEFT JOIN bought
    ON bought.source_id = judged.source_id AND bought.customer_id = judged.customer_id
    AND bought.batch_id IS NOT DISTINCT FROM judged.batch_id
GROUP BY judged.source_id, judged.batch_id
