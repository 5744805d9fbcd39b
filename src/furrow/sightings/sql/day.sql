-- Who opened how much on a day: opened, foreign, at night, and the most first looks within the
-- window. In: on, zone (IANA), from and until (hours of the night), fast (looks), minutes.
-- Out: user_id, opened, foreign, night, fastest (0 when fewer than `fast` ever fell into one window).
-- Cost: one walk of the day's sightings.
WITH looks AS (
    SELECT user_id, is_own, extract(hour FROM first_at AT TIME ZONE %(zone)s) AS hour,
           count(*) OVER (PARTITION BY user_id ORDER BY first_at
                          RANGE BETWEEN make_interval(mins => %(minutes)s) PRECEDING
                          AND CURRENT ROW) AS within
    FROM sightings_sighting
    WHERE "on" = %(on)s
)
SELECT user_id, count(*), count(*) FILTER (WHERE NOT is_own),
       count(*) FILTER (WHERE hour >= %(from)s OR hour < %(until)s), max(within)
FROM looks
GROUP BY user_id
ORDER BY user_id
