-- What the events with the ids in `ids` (an int8multirange) are now, by id.
-- Out: ids int8[], leaves bytea (32 bytes each). NULL for none.
-- The leaf is of a JSON array, whose text PostgreSQL writes in one way only: no two events that
-- differ read the same.
SELECT
    array_agg(e.id ORDER BY e.id),
    string_agg(
        sha256(convert_to(jsonb_build_array(
            e.id, e.what, e.subject, e.who, (extract(epoch FROM e.at) * 1000000)::bigint,
            e.request_id, e.details
        )::text, 'UTF8')), ''::bytea ORDER BY e.id)
FROM unnest(%(ids)s::int8multirange) AS r
JOIN audit_event AS e ON e.id >= lower(r) AND e.id < upper(r)
