-- Where the ledger says customers stand: the last of the moves that count.
-- in:  -
-- out: customer, stage, since, out
SELECT DISTINCT ON (customer_id) customer_id, to_stage AS stage, at AS since, out
FROM pipeline_stagemove WHERE counts
ORDER BY customer_id, at DESC, id DESC
