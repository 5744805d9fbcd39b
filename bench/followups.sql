-- Five million customers with numbers, stages, purchases and touches, for the night's reminders.
-- in:  customers, at (the instant of the run)
-- Six of ten are owned. Of the owned a fiftieth bought in the last weeks, a tenth long ago, a tenth
-- has a PI of three or more; nearly all were touched within their policy's days, so that a night
-- plans what an ordinary night does; one in a thousand was forgotten for half a year.
CREATE TEMP TABLE agent AS
SELECT id, team_id, row_number() OVER (ORDER BY id) - 1 AS a
FROM organisation_user WHERE role = 'agent';
CREATE UNIQUE INDEX ON agent (a);
ANALYZE agent;

INSERT INTO customers_customer (id, kind, name, city, address, email, category, profile, team_id,
                                owner_id, owned_since, created_at, last_touch_at, grams, sort_key,
                                name_key, address_key)
SELECT i, 'person', 'N' || i, '深圳', '', '', '', '{}', agent.team_id,
       CASE WHEN mod(i, 10) < 6 THEN agent.id END,
       CASE WHEN mod(i, 10) < 6 THEN %(at)s - interval '200 days' END,
       %(at)s - interval '200 days',
       %(at)s - CASE
           WHEN mod(i, 1000) IN (0, 7) THEN interval '180 days'
           WHEN mod(i, 50) = 1 THEN make_interval(hours => mod(i::bigint * 7919, 7 * 24)::int)
           WHEN mod(i, 10) = 2 THEN make_interval(hours => mod(i::bigint * 7919, 30 * 24)::int)
           WHEN mod(i, 10) = 3 THEN make_interval(hours => mod(i::bigint * 7919, 14 * 24)::int)
           ELSE make_interval(hours => mod(i::bigint * 7919, 60 * 24)::int) END,
       ARRAY['n'], 'n', 'n', ''
FROM generate_series(1, %(customers)s) AS i
JOIN agent ON agent.a = mod(i / 10, (SELECT count(*) FROM agent))
ORDER BY i;

INSERT INTO customers_number (customer_id, e164, last4, extension, label, region, time_zone,
                              is_primary, created_at)
SELECT id, '+86154' || lpad(id::text, 8, '0'), lpad(mod(id, 10000)::text, 4, '0'), '', '', 'CN',
       'Asia/Shanghai', true, created_at
FROM customers_customer ORDER BY id;

INSERT INTO compliance_suppression (e164, last4, kind, reason, origin, by_id, at, lifted_reason)
SELECT '+86154' || lpad(i::text, 8, '0'), lpad(mod(i, 10000)::text, 4, '0'), 'invalid', '', 'list:1',
       %(by)s, %(at)s, ''
FROM generate_series(1, %(customers)s, 40) AS i;

INSERT INTO pipeline_standing (customer_id, stage, since, pi)
SELECT id, CASE WHEN mod(id, 50) = 1 OR mod(id, 10) = 2 THEN 'retention' ELSE 'acquisition' END,
       created_at, CASE WHEN mod(id, 10) = 3 THEN 4 END
FROM customers_customer ORDER BY id;

INSERT INTO teamwork_sale (order_ref, customer_id, amount_minor, currency, sold_at, by_id, at)
SELECT 'o' || id, id, 10000, 'CNY',
       %(at)s - CASE WHEN mod(id, 50) = 1 THEN interval '40 days' ELSE interval '150 days' END,
       %(by)s, %(at)s
FROM customers_customer WHERE mod(id, 50) = 1 OR mod(id, 10) = 2 ORDER BY id;
