-- The numbers of customers_arriving; the first of each customer is the primary one.
-- in:  at timestamptz
--      abroad, regions, zones text[]   where numbers live that are not Chinese
INSERT INTO customers_number (
    customer_id, e164, last4, extension, label, region, time_zone, is_primary, created_at
)
SELECT
    a.id, n.e164, right(n.e164, 4), '', '', coalesce(p.region, 'CN'),
    coalesce(p.zone, 'Asia/Shanghai'), n.place = 1, %(at)s::timestamptz
FROM customers_arriving AS a
CROSS JOIN LATERAL unnest(a.numbers) WITH ORDINALITY AS n(e164, place)
LEFT JOIN unnest(%(abroad)s::text[], %(regions)s::text[], %(zones)s::text[])
    AS p(e164, region, zone) ON p.e164 = n.e164
ORDER BY n.e164
