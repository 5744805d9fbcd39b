-- Count a look again at customers somebody opened before on the same day.
-- In: user, on, customers (int8[]), at.
UPDATE sightings_sighting
SET looks = looks + 1, last_at = %(at)s
WHERE user_id = %(user)s AND "on" = %(on)s AND customer_id = ANY(%(customers)s)
