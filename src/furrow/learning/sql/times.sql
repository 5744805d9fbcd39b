-- Calls by list, how often tried, and the customer's own weekday and hour.
--
-- in   since, until   the window, [since, until)
-- out  list (0 = none), band (1 to 4 tries), weekday (0 = Monday), hour, calls, answered, said_yes
--
-- A fault of ours is no try; neither is a number that does not exist.
SELECT coalesce(c.source_id, 0) AS list,
       least(c.attempt, 4) AS band,
       extract(isodow FROM local.at)::int - 1 AS weekday,
       extract(hour FROM local.at)::int AS hour,
       count(*) AS calls,
       count(*) FILTER (WHERE c.outcome IN ('answered', 'abandoned')) AS answered,
       count(*) FILTER (WHERE c.outcome = 'answered' AND (c.cp >= %(cp)s OR d.effect = 'sold'))
           AS said_yes
FROM calls_call AS c
JOIN customers_number AS n ON n.id = c.number_id
LEFT JOIN campaigns_disposition AS d ON d.id = c.disposition_id
CROSS JOIN LATERAL (SELECT c.queued_at AT TIME ZONE n.time_zone AS at) AS local
WHERE c.queued_at >= %(since)s AND c.queued_at < %(until)s
  AND c.state = 'ended'
  AND c.outcome NOT IN
      ('carrier_fault', 'interrupted', 'cancelled', 'empty_number', 'out_of_service')
GROUP BY 1, 2, 3, 4
