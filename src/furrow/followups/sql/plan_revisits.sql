-- Plan the revisits that sql/revisits.sql finds, so many a day for each agent.
-- in:  as sql/revisits.sql, and first_at (when the first day begins), per_day, note text[] (what
--      each policy is called, place by place)
-- out: policy, how many
WITH found AS ({revisits}),
load AS (
    SELECT assigned_to_id AS owner_id, count(*) AS waiting FROM followups_followup
    WHERE done_at IS NULL AND reason = 'revisit' AND due_at >= %(first_at)s
      AND assigned_to_id IN (SELECT owner_id FROM found)
    GROUP BY assigned_to_id
), placed AS (
    SELECT found.*, coalesce(load.waiting, 0) - 1
           + row_number() OVER (PARTITION BY found.owner_id ORDER BY found.due_at, found.id) AS place
    FROM found LEFT JOIN load ON load.owner_id = found.owner_id
), planned AS (
    INSERT INTO followups_followup (customer_id, assigned_to_id, reason, channel, policy, note,
                                    due_at, planned_at)
    SELECT placed.id, placed.owner_id, 'revisit', 'call', placed.key, named.note,
           %(first_at)s + make_interval(days => (placed.place / %(per_day)s)::int,
               mins => (480 * (placed.place %% %(per_day)s) / %(per_day)s)::int),
           %(at)s
    FROM placed JOIN unnest(%(keys)s::text[], %(notes)s::text[]) AS named (key, note)
        ON named.key = placed.key
    ORDER BY placed.id
    ON CONFLICT DO NOTHING
    RETURNING policy
)
SELECT policy, count(*) FROM planned GROUP BY policy
