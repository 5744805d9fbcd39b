-- A company of any size, made in the tables by sets. Nothing is drawn at random: what a row is
-- follows from its number, so the same size makes the same company.
-- Rows lie in the order in which a company's days would have brought them.
-- in:  customers, calls_per_agent (a day), days (of calls, today included), at (now),
--      midnight (today's first instant), by (who did it all), answers (of the gate, JSON)
--      temporary tables agent (a from 0, id, team_id, campaign_id), city (c from 0, name), names
--      (k from 0, kind, name, grams, sort_key, name_key), source (s from 0, id), result (effect, id)
-- out: customers 1 … n; customer i stands in block i / agents, and 7 blocks of 10 are owned: agent
--      a owns the customer i with i mod agents = a of each of them.

-- A whole number below `below`, the same each time for the same i and salt.
CREATE FUNCTION pg_temp.pick(i bigint, salt bigint, below bigint) RETURNS bigint
    LANGUAGE sql IMMUTABLE RETURN mod(hashint8extended(i, salt) & 9223372036854775807, below);

-- The j-th customer of the agent a.
CREATE FUNCTION pg_temp.of_agent(a bigint, j bigint, agents bigint) RETURNS bigint
    LANGUAGE sql IMMUTABLE RETURN ((j / 7) * 10 + mod(j, 7)) * agents + a;

CREATE TEMPORARY TABLE holding AS
SELECT agent.a, agent.id AS agent_id, team_id, campaign_id,
       pg_temp.of_agent(agent.a, j, size.agents) AS i, j
FROM (SELECT COUNT(*) AS agents FROM agent) AS size
CROSS JOIN agent
CROSS JOIN generate_series(0, %(customers)s * 7 / 10 / size.agents + 7) AS j
WHERE pg_temp.of_agent(agent.a, j, size.agents) BETWEEN 1 AND %(customers)s;

CREATE UNIQUE INDEX ON holding (i);
CREATE UNIQUE INDEX ON holding (a, j);
ANALYZE holding;

INSERT INTO customers_customer (id, kind, name, city, address, email, category, profile, team_id,
                                owner_id, owned_since, created_at, last_touch_at, grams, sort_key,
                                name_key, address_key)
SELECT i, names.kind, names.name, city.name, '', '', '',
       CASE WHEN names.kind = 'person'
            THEN jsonb_build_object('sex', CASE mod(i, 2) WHEN 0 THEN 'f' ELSE 'm' END)
            ELSE '{}' END,
       COALESCE(holding.team_id, neighbour.team_id), holding.agent_id,
       CASE WHEN holding.agent_id IS NOT NULL THEN came.at + interval '2 hours' END, came.at,
       CASE WHEN pg_temp.pick(i, 5, 10) < 5
            THEN %(at)s - make_interval(mins => pg_temp.pick(i, 6, 43200)::int) END,
       names.grams, names.sort_key, names.name_key, ''
FROM generate_series(1, %(customers)s) AS i
JOIN names ON names.k = pg_temp.pick(i, 1, (SELECT COUNT(*) FROM names))
JOIN city ON city.c = pg_temp.pick(i, 2, (SELECT COUNT(*) FROM city))
JOIN agent AS neighbour ON neighbour.a = mod(i, (SELECT COUNT(*) FROM agent))
LEFT JOIN holding USING (i)
CROSS JOIN LATERAL (
    SELECT %(at)s - make_interval(secs => 34560000.0 * (%(customers)s + 1 - i) / %(customers)s) AS at
) AS came
ORDER BY i;

-- 48271 has no divisor in common with 10^8: no number comes twice. One customer in ten has two.
INSERT INTO customers_number (id, customer_id, e164, last4, extension, label, region, time_zone,
                              is_primary, created_at)
SELECT n, CASE WHEN n <= %(customers)s THEN n ELSE (n - %(customers)s) * 10 END,
       '+86154' || tail, right(tail, 4), '', '', 'CN', 'Asia/Shanghai', n <= %(customers)s, %(at)s
FROM generate_series(1, %(customers)s + %(customers)s / 10) AS n
CROSS JOIN LATERAL (SELECT lpad(mod(n::bigint * 48271, 100000000)::text, 8, '0') AS tail) AS number
ORDER BY n;

-- One customer in ten came twice.
INSERT INTO acquisition_lead (id, customer_id, source_id, given, is_first, match_reasons, changes, at)
SELECT n, customer.id, source.id, jsonb_build_object('name', customer.name, 'city', customer.city),
       n <= %(customers)s, '[]', '{}', customer.created_at
FROM generate_series(1, %(customers)s + %(customers)s / 10) AS n
JOIN customers_customer AS customer
    ON customer.id = CASE WHEN n <= %(customers)s THEN n ELSE (n - %(customers)s) * 10 END
JOIN source ON source.s = pg_temp.pick(n, 7, (SELECT COUNT(*) FROM source))
ORDER BY n;

INSERT INTO customers_ownershipevent (customer_id, to_owner_id, change, reason, rule, by_id, at)
SELECT id, owner_id, 'allocated', '', '', %(by)s, owned_since
FROM customers_customer WHERE owner_id IS NOT NULL;

INSERT INTO pipeline_standing (customer_id, stage, since, cp, pi)
SELECT id, CASE WHEN pg_temp.pick(id, 8, 100) < 88 THEN 'screening'
                WHEN pg_temp.pick(id, 8, 100) < 97 THEN 'acquisition' ELSE 'retention' END,
       created_at, CASE WHEN pg_temp.pick(id, 9, 10) < 4 THEN pg_temp.pick(id, 10, 6) END, NULL
FROM customers_customer;

INSERT INTO pipeline_stagemove (customer_id, from_stage, to_stage, reason, by_id, at)
SELECT id, '', 'screening', '', %(by)s, created_at FROM customers_customer;

-- Calls: every agent goes round the customers, through each day from nine to eight, today from
-- midnight to now. Two in five are answered.
CREATE TEMPORARY TABLE made AS
SELECT row_number() OVER (ORDER BY began.at, a) AS id, holding.*, began.at AS began,
       CASE WHEN answer < 40 THEN 'answered' WHEN answer < 74 THEN 'no_answer'
            WHEN answer < 82 THEN 'busy' WHEN answer < 92 THEN 'refused'
            WHEN answer < 97 THEN 'switched_off' ELSE 'empty_number' END AS outcome,
       pg_temp.pick(turn * 1000 + a, 13, 400) + 5 AS talk,
       pg_temp.pick(turn * 1000 + a, 14, 100) AS draw
FROM generate_series(0, %(days)s - 1) AS ago
CROSS JOIN generate_series(0, %(calls_per_agent)s - 1) AS nth
CROSS JOIN LATERAL (SELECT ago * %(calls_per_agent)s + nth AS turn) AS which
JOIN holding ON holding.j = mod(turn, %(customers)s * 7 / 10 / (SELECT COUNT(*) FROM agent) - 1)
CROSS JOIN LATERAL (SELECT pg_temp.pick(turn * 1000 + a, 12, 100) AS answer) AS line
CROSS JOIN LATERAL (
    SELECT CASE WHEN ago = 0
                THEN %(midnight)s + (%(at)s - %(midnight)s) * nth / %(calls_per_agent)s
                ELSE %(midnight)s - make_interval(days => ago::int) + interval '9 hours'
                     + interval '11 hours' * nth / %(calls_per_agent)s END
           + make_interval(secs => pg_temp.pick(turn * 1000 + a, 15, 1000) / 10.0) AS at
) AS began;

INSERT INTO permits_permit (id, customer_id, number_id, agent_id, channel, purpose, campaign_ref,
                            issued_at, expires_at, spent_at, closed_at, answers)
SELECT id, i, i, agent_id, 'call', 'sales', campaign_id, began,
       began + interval '30 seconds', began, began + make_interval(secs => 20 + talk), %(answers)s
FROM made ORDER BY id;

INSERT INTO calls_call (id, permit_id, customer_id, number_id, agent_id, team_id, campaign_id,
                        source_id, state, outcome, cause, attempt, queued_at, dialed_at, ringing_at,
                        answered_at, ended_at, disposition_id, cp, remark, wrapped_at, mode)
SELECT made.id, made.id, i, i, agent_id, team_id, campaign_id, source.id, 'ended',
       outcome, '', 1, began, began + interval '1 second', began + interval '2 seconds',
       CASE outcome WHEN 'answered' THEN began + interval '15 seconds' END,
       began + make_interval(secs => 15 + CASE outcome WHEN 'answered' THEN talk ELSE 5 END),
       result.id, CASE outcome WHEN 'answered' THEN mod(draw, 6) END, '',
       began + make_interval(secs => 30 + talk), 'manual'
FROM made
JOIN source ON source.s = pg_temp.pick(i, 7, (SELECT COUNT(*) FROM source))
JOIN result ON result.effect = CASE
    WHEN outcome = 'empty_number' THEN 'invalid' WHEN outcome <> 'answered' THEN 'retry'
    WHEN draw < 8 THEN 'sold' WHEN draw < 35 THEN 'refused' ELSE 'follow_up' END
ORDER BY made.id;

SELECT setval(pg_get_serial_sequence('permits_permit', 'id'), MAX(id)) FROM made;
SELECT setval(pg_get_serial_sequence('calls_call', 'id'), MAX(id)) FROM made;

-- One agent in three is on the line.
INSERT INTO permits_permit (customer_id, number_id, agent_id, channel, purpose, campaign_ref,
                            issued_at, expires_at, spent_at, answers)
SELECT i, i, agent_id, 'call', 'sales', campaign_id, %(at)s, %(at)s + interval '30 seconds', %(at)s,
       %(answers)s
FROM holding WHERE mod(a, 3) = 0 AND j = 0;

INSERT INTO calls_call (permit_id, customer_id, number_id, agent_id, team_id, campaign_id, source_id,
                        state, outcome, cause, attempt, queued_at, dialed_at, ringing_at,
                        answered_at, remark, mode)
SELECT permit.id, permit.customer_id, permit.number_id, permit.agent_id, agent.team_id,
       agent.campaign_id, (SELECT MIN(id) FROM source), 'talking', '', '', 2, issued_at, issued_at,
       issued_at, issued_at, '', 'manual'
FROM permits_permit AS permit JOIN agent ON agent.id = permit.agent_id
WHERE closed_at IS NULL;

-- Seen tomorrow: so nobody falls silent while we measure.
UPDATE organisation_presence SET
    state = CASE mod(a, 3) WHEN 0 THEN 'talking' ELSE 'ready' END,
    since = %(at)s,
    seen_at = %(at)s + interval '1 day'
FROM agent WHERE user_id = agent.id;

-- Follow-ups: each agent has 333 open, 40 of them overdue and 10 due today, and kept 333.
INSERT INTO followups_followup (customer_id, assigned_to_id, reason, note, due_at, planned_at, done_at)
SELECT i, agent_id, CASE mod(j, 3) WHEN 0 THEN 'promise' ELSE 'interest' END, '',
       CASE WHEN j < 333 THEN %(at)s + make_interval(mins => (j - 40)::int * 45)
            ELSE %(at)s - make_interval(mins => (j - 300)::int * 60) END,
       %(at)s - interval '35 days',
       CASE WHEN j >= 333 THEN %(at)s - make_interval(mins => (j - 300)::int * 55) END
FROM holding WHERE j < 666 ORDER BY i;

-- Half of what an agent holds stands in the team's campaign.
INSERT INTO campaigns_target (campaign_id, customer_id, agent_id, state, priority, attempts, done_at)
SELECT campaign_id, i, agent_id,
       CASE WHEN mod(j, 10) < 6 THEN 'waiting' WHEN mod(j, 10) < 9 THEN 'done' ELSE 'out' END,
       mod(j, 6), mod(j, 4), CASE WHEN mod(j, 10) < 6 THEN NULL ELSE %(at)s END
FROM holding WHERE mod(j, 2) = 1 ORDER BY i;

INSERT INTO compliance_suppression (e164, last4, kind, reason, origin, by_id, at, lifted_reason)
SELECT e164, last4, 'opted_out', '', 'person', %(by)s, %(at)s, ''
FROM customers_number WHERE mod(id, 50) = 0;
