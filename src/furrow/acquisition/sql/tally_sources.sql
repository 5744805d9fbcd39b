-- What each source gave.
-- in:  at timestamptz
-- out: source_id, leads, customers, contactable (with a number that no suppression forbids now)
SELECT l.source_id,
    sum(l.leads)::bigint AS leads,
    count(*) AS customers,
    count(*) FILTER (WHERE EXISTS (
        SELECT FROM customers_number AS n
        WHERE n.customer_id = l.customer_id AND NOT EXISTS (
            SELECT FROM compliance_suppression AS s
            WHERE s.e164 = n.e164 AND s.lifted_at IS NULL
                AND (s.until IS NULL OR s.until > %(at)s)
        )
    )) AS contactable
FROM (
    SELECT source_id, customer_id, count(*) AS leads
    FROM acquisition_lead GROUP BY source_id, customer_id
) AS l
GROUP BY l.source_id
