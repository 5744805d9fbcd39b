-- The rows that became customers are leads from now on, and rows no more.
-- in:  batch, source int, headers text[], at timestamptz; customers_arriving
WITH gone AS (
    DELETE FROM acquisition_row AS r USING customers_arriving AS a
    WHERE r.batch_id = %(batch)s AND r.line = a.place
    RETURNING a.id, r.line, r.cells
)
INSERT INTO acquisition_lead (
    customer_id, source_id, batch_id, line, given, is_first, match_reasons, changes, at
)
SELECT
    id, %(source)s::bigint, %(batch)s::bigint, line,
    jsonb_object(%(headers)s::text[], cells[1:cardinality(%(headers)s::text[])]),
    true, '[]', '{}', %(at)s::timestamptz
FROM gone
ORDER BY id
