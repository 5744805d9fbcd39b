-- Five million customers, three of them owned, for the nightly return and for claiming.
-- in:  customers, at (the instant of the run), by (the system user)
-- Of the owned ones a hundredth is overdue tonight, a hundredth was announced last night, seven
-- hundredths come within a week, the others were talked with in the last days.
CREATE TEMP TABLE agent AS
SELECT id, team_id, row_number() OVER (ORDER BY id) - 1 AS a
FROM organisation_user WHERE role = 'agent';
CREATE UNIQUE INDEX ON agent (a);
ANALYZE agent;

INSERT INTO customers_customer (id, kind, name, city, address, email, category, profile, team_id,
                                owner_id, owned_since, created_at, last_touch_at, grams, sort_key,
                                name_key, address_key)
SELECT i, 'person', surname || given, (ARRAY['深圳', '北京', '上海', '广州', '成都'])[1 + mod(i, 5)],
       '', '', '', '{}', agent.team_id,
       CASE WHEN mod(i, 10) < 6 THEN agent.id END,
       CASE WHEN mod(i, 10) < 6 THEN %(at)s - make_interval(days => 20 + mod(i, 60)) END,
       %(at)s - interval '100 days', NULL, ARRAY[surname, given, surname || given],
       surname || given, surname || given, ''
FROM generate_series(1, %(customers)s) AS i
JOIN agent ON agent.a = mod(i / 10, (SELECT count(*) FROM agent))
CROSS JOIN LATERAL (
    SELECT chr(19968 + mod(i::bigint * 7919, 300)::int) AS surname,
           chr(20400 + mod(i::bigint * 104729, 2000)::int) AS given
) AS words
ORDER BY i;

INSERT INTO customers_ownershipevent (customer_id, to_owner_id, change, reason, rule, by_id, at)
SELECT id, owner_id, 'allocated', '', '', %(by)s, owned_since
FROM customers_customer WHERE owner_id IS NOT NULL ORDER BY id;

INSERT INTO ownership_standing (customer_id, effective_at)
SELECT id, %(at)s - make_interval(hours => CASE
           WHEN mod(id * 31, 100) = 0 THEN 24 * 16
           WHEN mod(id * 31, 100) = 1 THEN 24 * 17
           WHEN mod(id * 31, 100) < 9 THEN 24 * (8 + mod(id, 6)::int)
           ELSE 24 * mod(id, 6)::int END)
FROM customers_customer WHERE owner_id IS NOT NULL ORDER BY id;

INSERT INTO ownership_return (customer_id, owner_id, clock, last_on, rule_version, state,
                              announced_at, until_at, reason)
SELECT id, owner_id, 'next', %(at)s::date - 2, 1, 'announced', %(at)s - interval '24 hours', %(at)s, ''
FROM customers_customer
WHERE owner_id IS NOT NULL AND mod(id * 31, 100) = 1 ORDER BY id;
