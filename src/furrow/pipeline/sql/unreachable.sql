-- Customers in screening, of a stretch of ids, whom nobody may ever call any more, and why (C1).
-- in:  after, upto (ids)
-- out: customer, reason (rules.OutReason): forbidden if the person said so on any number; otherwise
--      every number is barred for good: wrong if one was somebody else's, else empty, else forbidden
WITH candidate AS (
    SELECT DISTINCT number.customer_id
    FROM compliance_suppression AS barred
    JOIN customers_number AS number ON number.e164 = barred.e164
    JOIN pipeline_standing AS standing ON standing.customer_id = number.customer_id
    WHERE barred.lifted_at IS NULL AND barred.until IS NULL
      AND number.customer_id > %(after)s AND number.customer_id <= %(upto)s
      AND standing.stage = 'screening' AND standing.out = ''
)
SELECT number.customer_id,
       CASE WHEN bool_or(barred.kind IN ('opted_out', 'complaint')) THEN 'forbidden'
            WHEN bool_or(barred.kind = 'not_this_person') THEN 'wrong'
            WHEN bool_or(barred.kind = 'invalid') THEN 'empty'
            ELSE 'forbidden' END
FROM candidate
JOIN customers_number AS number ON number.customer_id = candidate.customer_id
LEFT JOIN compliance_suppression AS barred
    ON barred.e164 = number.e164 AND barred.lifted_at IS NULL AND barred.until IS NULL
GROUP BY number.customer_id
HAVING bool_or(coalesce(barred.kind IN ('opted_out', 'complaint'), false))
    OR bool_and(barred.kind IS NOT NULL)
ORDER BY number.customer_id
