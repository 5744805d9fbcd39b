-- How many of a list's importable rows hold a number that nobody may call at an instant.
-- in:  batch int, at timestamptz
-- out: one number
SELECT count(DISTINCT r.line)
FROM acquisition_row AS r
CROSS JOIN LATERAL unnest(r.numbers) AS n(e164)
JOIN compliance_suppression AS s ON s.e164 = n.e164
WHERE r.batch_id = %(batch)s AND r.finding <> 'problem'
    AND s.lifted_at IS NULL AND (s.until IS NULL OR s.until > %(at)s)
