-- One day's calls, counted in one pass along every dimension a manager asks by.
-- in:  since, until (aware instants, half open), time zone of the hours, team id or NULL for all,
--      seconds of talk that make a conversation
-- out: one row per member of each dimension; `dimension` names it, `member` is its id, hour or value
--      (NULL for the total). CP is counted over conversations that were given one.
-- The dimensions asked for are written in by queries.day_of: whens, members and sets name the same columns.
-- cost: one scan of the day's calls by call_by_queued; every call is judged once, then counted
--      once per dimension. 30,000 calls along six take about 30 ms.
WITH day AS (
    SELECT
        agent_id,
        source_id,
        date_part('hour', queued_at AT TIME ZONE %(time_zone)s)::int AS hour,
        outcome,
        disposition_id,
        cp,
        outcome = 'answered' AS answered,
        outcome = 'answered' AND ended_at - answered_at
            >= make_interval(secs => %(conversation_seconds)s) AS conversation,
        disposition.effect = 'sold' AS sold,
        cp >= 3 AS promising,
        outcome = 'empty_number' AS empty,
        date_part('epoch', ended_at - answered_at) AS talk
    FROM calls_call
    LEFT JOIN campaigns_disposition AS disposition ON disposition.id = disposition_id
    WHERE queued_at >= %(since)s
      AND queued_at < %(until)s
      AND state = 'ended'
      AND NOT is_inbound
      AND (%(team)s::bigint IS NULL OR team_id = %(team)s)
)
SELECT
    CASE /* whens */ ELSE 'total' END AS dimension,
    COALESCE(/* members */) AS member,
    COUNT(*) AS attempts,
    COUNT(*) FILTER (WHERE answered) AS answered,
    COUNT(*) FILTER (WHERE conversation) AS conversations,
    COUNT(*) FILTER (WHERE sold) AS sold,
    COUNT(*) FILTER (WHERE promising) AS promising,
    COUNT(*) FILTER (WHERE empty) AS empty,
    COALESCE(SUM(talk) FILTER (WHERE answered), 0)::bigint AS talk_seconds
FROM day
GROUP BY GROUPING SETS ((), /* sets */)
