-- Customers go to new owners; their waiting places in campaigns follow.
-- in:  customers, heirs bigint[] (place by place), person (whose they were)
-- out: how many places
WITH moved AS (
    UPDATE campaigns_target AS target
    SET agent_id = one.heir
    FROM unnest(%(customers)s::bigint[], %(heirs)s::bigint[]) AS one (customer, heir)
    WHERE target.customer_id = one.customer
      AND target.agent_id = %(person)s
      AND target.state = 'waiting'
    RETURNING target.campaign_id, target.agent_id
), joined AS (
    INSERT INTO campaigns_campaign_agents (campaign_id, user_id)
    SELECT DISTINCT campaign_id, agent_id FROM moved
    ON CONFLICT DO NOTHING
)
SELECT count(*) FROM moved
