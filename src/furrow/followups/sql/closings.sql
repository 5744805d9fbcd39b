-- At which conversation sales were closed.
-- in:  since, until, teams bigint[] (of the agents; NULL = every team's)
-- out: agent's team, agent, how many conversations with the customer there were up to the sale (the
--      one that closed it included, counted from the sale before), how many sales
WITH sold AS (
    SELECT call.id, call.customer_id, call.agent_id, call.team_id, call.ended_at
    FROM calls_call AS call
    JOIN campaigns_disposition AS disposition ON disposition.id = call.disposition_id
    WHERE disposition.effect = 'sold' AND call.queued_at >= %(since)s AND call.queued_at < %(until)s
      AND (%(teams)s::bigint[] IS NULL OR call.team_id = ANY(%(teams)s::bigint[]))
), counted AS (
    SELECT sold.id, sold.agent_id, sold.team_id, (
        SELECT count(*) FROM calls_call AS talk
        WHERE talk.customer_id = sold.customer_id AND talk.outcome = 'answered'
          AND talk.ended_at <= sold.ended_at
          AND talk.ended_at > coalesce((
              SELECT max(earlier.ended_at)
              FROM calls_call AS earlier
              JOIN campaigns_disposition AS result ON result.id = earlier.disposition_id
              WHERE earlier.customer_id = sold.customer_id AND result.effect = 'sold'
                AND earlier.ended_at < sold.ended_at), '-infinity')
    ) AS conversations
    FROM sold
)
SELECT team_id, agent_id, conversations, count(*) FROM counted GROUP BY 1, 2, 3
