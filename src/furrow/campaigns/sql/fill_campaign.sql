-- Put customers into a campaign, each with its owner as the agent.
-- in:  campaign bigint, customers bigint[] (those wanted), agents bigint[] (the campaign's),
--      pool boolean (whether those whom nobody owns come in too, for whoever is free)
--      state text ('waiting', or 'held' while a trial is undecided)
-- out: how many were not in the campaign before; CP sets the priority, in retention L
-- A customer owned outside the campaign is left out: only the owner may call (B3). One that waits
-- in it already follows its owner, if that has changed; nothing else about it does.
WITH put AS (
    INSERT INTO campaigns_target AS target
        (campaign_id, customer_id, agent_id, state, priority, attempts, source_ref)
    SELECT campaign.id, customer.id, customer.owner_id, %(state)s, COALESCE(
            CASE WHEN campaign.stage = 'retention' THEN standing.level END, standing.cp, 0
        ), 0,
        (SELECT lead.source_id FROM acquisition_lead AS lead
         WHERE lead.customer_id = customer.id ORDER BY lead.id LIMIT 1)
    FROM customers_customer AS customer
    JOIN campaigns_campaign AS campaign ON campaign.id = %(campaign)s
    LEFT JOIN pipeline_standing AS standing ON standing.customer_id = customer.id
    WHERE customer.id = ANY(%(customers)s::bigint[])
      AND (customer.owner_id = ANY(%(agents)s::bigint[])
           OR %(pool)s AND customer.owner_id IS NULL)
      AND customer.merged_into_id IS NULL
    ORDER BY customer.id
    ON CONFLICT (campaign_id, customer_id) DO UPDATE SET agent_id = excluded.agent_id
        WHERE target.state = 'waiting' AND target.agent_id IS DISTINCT FROM excluded.agent_id
    RETURNING (target.xmax = 0) AS is_new
)
SELECT count(*) FILTER (WHERE is_new) FROM put
