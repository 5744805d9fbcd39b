-- Every ended call of the customers asked, or of everybody in a window, each customer's in order.
--
-- in   since, until   the window, [since, until);  customers   ids, or NULL for everybody
-- out  customer, call, at, local hour and weekday (0 = Monday), outcome, effect ('' = none),
--      cp, list, stage of the campaign ('' = none)
SELECT c.customer_id, c.id, c.queued_at,
       extract(hour FROM local.at)::int, extract(isodow FROM local.at)::int - 1,
       c.outcome, coalesce(d.effect, ''), c.cp, c.source_id, coalesce(m.stage, '')
FROM calls_call AS c
JOIN customers_number AS n ON n.id = c.number_id
LEFT JOIN campaigns_disposition AS d ON d.id = c.disposition_id
LEFT JOIN campaigns_campaign AS m ON m.id = c.campaign_id
CROSS JOIN LATERAL (SELECT c.queued_at AT TIME ZONE n.time_zone AS at) AS local
WHERE c.state = 'ended' AND c.queued_at >= %(since)s AND c.queued_at < %(until)s
  AND (%(customers)s::bigint[] IS NULL OR c.customer_id = ANY(%(customers)s::bigint[]))
ORDER BY c.customer_id, c.queued_at, c.id
