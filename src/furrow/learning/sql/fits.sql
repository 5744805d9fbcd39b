-- Conversations and successes by agent and kind of customer.
--
-- in   since, until   the window, [since, until);  cp   from which a customer is worth selling to
-- out  agent, kind, conversations, successes
SELECT c.agent_id, k.kind, count(*),
       count(*) FILTER (WHERE c.cp >= %(cp)s OR d.effect = 'sold')
FROM calls_call AS c
JOIN customers_customer AS u ON u.id = c.customer_id
LEFT JOIN campaigns_disposition AS d ON d.id = c.disposition_id
CROSS JOIN LATERAL (SELECT {kind} AS kind) AS k
WHERE c.queued_at >= %(since)s AND c.queued_at < %(until)s
  AND c.outcome = 'answered' AND c.wrapped_at IS NOT NULL AND c.agent_id IS NOT NULL
GROUP BY 1, 2
