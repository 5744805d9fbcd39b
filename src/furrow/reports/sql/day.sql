-- One day's calls, counted in one pass along every dimension a manager asks by.
-- in:  since, until (aware instants, half open), time zone of the hours, team id or NULL for all,
--      seconds of talk that make a conversation
-- out: one row per member of each dimension; `dimension` names it, `member` is its id, hour or value
--      (NULL for the total). CP is counted over conversations that were given one.
-- cost: one scan of the day's calls by call_by_queued, whatever the number of dimensions.
WITH day AS (
    SELECT
        agent_id,
        source_id,
        team_id,
        EXTRACT(HOUR FROM queued_at AT TIME ZONE %(time_zone)s)::int AS hour,
        outcome,
        disposition_id,
        cp,
        (outcome = 'answered')::int AS answered,
        EXTRACT(EPOCH FROM ended_at - answered_at) AS talk
    FROM calls_call
    WHERE queued_at >= %(since)s
      AND queued_at < %(until)s
      AND state = 'ended'
      AND (%(team)s::bigint IS NULL OR team_id = %(team)s)
)
SELECT
    CASE
        WHEN GROUPING(agent_id) = 0 THEN 'agent'
        WHEN GROUPING(source_id) = 0 THEN 'source'
        WHEN GROUPING(hour) = 0 THEN 'hour'
        WHEN GROUPING(day.cp) = 0 THEN 'cp'
        WHEN GROUPING(outcome) = 0 THEN 'outcome'
        WHEN GROUPING(disposition_id) = 0 THEN 'disposition'
        ELSE 'total'
    END AS dimension,
    COALESCE(agent_id::text, source_id::text, hour::text, day.cp::text, outcome,
             disposition_id::text) AS member,
    COUNT(*) AS attempts,
    SUM(answered) AS answered,
    COUNT(*) FILTER (WHERE answered = 1 AND talk >= %(conversation_seconds)s) AS conversations,
    COUNT(*) FILTER (WHERE disposition.effect = 'sold') AS sold,
    COUNT(*) FILTER (WHERE day.cp >= 3) AS promising,
    COUNT(*) FILTER (WHERE outcome = 'empty_number') AS empty,
    COALESCE(SUM(talk) FILTER (WHERE answered = 1), 0)::bigint AS talk_seconds
FROM day
LEFT JOIN campaigns_disposition AS disposition ON disposition.id = day.disposition_id
GROUP BY GROUPING SETS ((), (agent_id), (source_id), (hour), (day.cp), (outcome), (disposition_id))
