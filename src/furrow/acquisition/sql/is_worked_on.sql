-- Whether a living worker has a list's job in hand.
-- in:  batch int, since timestamptz   a worker that has been silent since is dead
-- out: one boolean
SELECT EXISTS (
    SELECT FROM procrastinate_jobs AS j
    JOIN procrastinate_workers AS w ON w.id = j.worker_id
    WHERE j.status = 'doing' AND j.task_name = 'acquisition.work'
        AND j.args ->> 'batch_id' = %(batch)s::text AND w.last_heartbeat > %(since)s
)
