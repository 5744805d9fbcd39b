-- Stretches of an ownership in which nothing kept the customer, long enough to be looked at.
-- in:  since, at (the days that are tried), talk_seconds, shortest (an interval), deals (whether
--      only deals keep: the clock of the sale)
-- out: customer, owner, team of the owner, when the ownership began, when the stretch began and
--      ended (the next act, a change of owner, or `at`), and whether it began with taking over
-- Who was a collaborator stands in the acts; protection is not looked at: it is the rule's to say.
WITH spans AS (
    SELECT customer_id, to_owner_id AS owner_id, at AS began,
           lead(at, 1, %(at)s::timestamptz) OVER (PARTITION BY customer_id ORDER BY at, id) AS ended
    FROM customers_ownershipevent
    WHERE at <= %(at)s
), held AS (
    SELECT * FROM spans WHERE owner_id IS NOT NULL AND ended > %(since)s
), points AS (
    SELECT customer_id, owner_id, began, ended, began AS at, '' AS strength FROM held
    UNION ALL
    SELECT held.customer_id, held.owner_id, held.began, held.ended, act.at, act.strength
    FROM held JOIN ownership_act AS act
        ON act.customer_id = held.customer_id AND act.at >= held.began AND act.at < held.ended
    WHERE CASE WHEN %(deals)s THEN act.is_deal
               ELSE act.is_owners
                    AND (act.kind <> 'call' OR act.talk_seconds >= %(talk_seconds)s) END
), gaps AS (
    SELECT customer_id, owner_id, began, at AS from_at, strength,
           lead(at, 1, ended) OVER (PARTITION BY customer_id, began ORDER BY at) AS to_at
    FROM points
)
SELECT gaps.customer_id, gaps.owner_id, gaps.began, gaps.from_at, gaps.to_at, gaps.strength,
       customer.team_id
FROM gaps JOIN customers_customer AS customer ON customer.id = gaps.customer_id
WHERE gaps.to_at > %(since)s AND gaps.to_at - gaps.from_at >= %(shortest)s::interval
  AND customer.merged_into_id IS NULL
ORDER BY gaps.customer_id, gaps.began, gaps.from_at
