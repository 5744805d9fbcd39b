-- Customers at their first stage; those who stand somewhere already are passed over.
-- in:  customers bigint[] in order, stage text, by int, at timestamptz
-- out: how many entered
-- Somebody may put the same customer in at this moment: the first one counts.
WITH entered AS (
    INSERT INTO pipeline_standing (customer_id, stage, since)
    SELECT c.id, %(stage)s, %(at)s::timestamptz FROM unnest(%(customers)s::bigint[]) AS c(id)
    ON CONFLICT DO NOTHING
    RETURNING customer_id
), moved AS (
    INSERT INTO pipeline_stagemove (customer_id, from_stage, to_stage, reason, by_id, at)
    SELECT customer_id, '', %(stage)s, '', %(by)s::bigint, %(at)s::timestamptz FROM entered
)
SELECT count(*) FROM entered
