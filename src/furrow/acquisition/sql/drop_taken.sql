-- Leave out who cannot come in: whose number is somebody's by now, or stands earlier already.
-- out: customers_arriving
DELETE FROM customers_arriving AS a
WHERE a.place IN (
    SELECT place
    FROM (
        SELECT
            b.place, n.e164, row_number() OVER (PARTITION BY n.e164 ORDER BY b.place) AS turn
        FROM customers_arriving AS b CROSS JOIN LATERAL unnest(b.numbers) AS n(e164)
    ) AS wanted
    WHERE turn > 1 OR EXISTS (SELECT FROM customers_number AS n WHERE n.e164 = wanted.e164)
)
