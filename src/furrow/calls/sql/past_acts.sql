-- What wrapped calls of the past were worth to the owner of that time.
-- in:  talk_seconds that count as a conversation
-- out: rows of ownership_act, one for each answered call that has none yet
INSERT INTO ownership_act (customer_id, by_id, at, kind, strength, talk_seconds, is_deal,
                           is_effective, is_owners, source)
SELECT told.customer_id, told.agent_id, told.wrapped_at, 'call', told.strength, told.talk_seconds,
       told.strength = 'order', told.is_owners AND told.talk_seconds >= %(talk_seconds)s,
       told.is_owners, 'calls.Call:' || told.id
FROM (
    SELECT call.id, call.customer_id, call.agent_id, call.wrapped_at,
           CASE disposition.effect WHEN 'sold' THEN 'order' WHEN 'follow_up' THEN 'medium'
                                   ELSE 'weak' END AS strength,
           extract(epoch FROM call.ended_at - call.answered_at)::int AS talk_seconds,
           coalesce(call.agent_id = (
               SELECT event.to_owner_id FROM customers_ownershipevent AS event
               WHERE event.customer_id = call.customer_id AND event.at <= call.wrapped_at
               ORDER BY event.at DESC, event.id DESC LIMIT 1
           ), false) AS is_owners
    FROM calls_call AS call
    JOIN campaigns_disposition AS disposition ON disposition.id = call.disposition_id
    WHERE call.wrapped_at IS NOT NULL AND call.outcome = 'answered'
      AND call.answered_at IS NOT NULL AND call.agent_id IS NOT NULL
) AS told
ON CONFLICT (source) DO NOTHING
