-- Customers at their first stage; those who stand somewhere already are passed over.
-- in:  customers bigint[] in order with their stages text[], by int, at timestamptz
-- out: stage, how many entered it
-- Somebody may put the same customer in at this moment: the first one counts.
WITH entered AS (
    INSERT INTO pipeline_standing (customer_id, stage, since, out)
    SELECT c.id, c.stage, %(at)s::timestamptz, ''
    FROM unnest(%(customers)s::bigint[], %(stages)s::text[]) AS c (id, stage)
    ON CONFLICT DO NOTHING
    RETURNING customer_id, stage
), moved AS (
    INSERT INTO pipeline_stagemove (customer_id, from_stage, to_stage, out, counts, reason, by_id, at)
    SELECT customer_id, '', stage, '', true, '', %(by)s::bigint, %(at)s::timestamptz FROM entered
)
SELECT stage, count(*) FROM entered GROUP BY stage
