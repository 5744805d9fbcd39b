-- Open follow-ups of people who have left, of a stretch of customers, to who looks after them now.
-- in:  after, upto (ids)
-- out: how many went over
-- To the owner; of a customer nobody owns, to a leader of the team the person was in.
WITH stray AS (
    SELECT followup.id,
           coalesce(owner.id, (
               SELECT leader.id FROM organisation_user AS leader
               WHERE leader.team_id = person.team_id AND leader.role = 'leader' AND leader.is_active
               ORDER BY leader.id LIMIT 1)) AS heir
    FROM followups_followup AS followup
    JOIN organisation_user AS person ON person.id = followup.assigned_to_id AND NOT person.is_active
    JOIN customers_customer AS customer ON customer.id = followup.customer_id
    LEFT JOIN organisation_user AS owner ON owner.id = customer.owner_id AND owner.is_active
    WHERE followup.done_at IS NULL
      AND followup.customer_id > %(after)s AND followup.customer_id <= %(upto)s
), moved AS (
    UPDATE followups_followup AS followup SET assigned_to_id = stray.heir
    FROM stray WHERE followup.id = stray.id AND stray.heir IS NOT NULL
    RETURNING followup.id
)
SELECT count(*) FROM moved
