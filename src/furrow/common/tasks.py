"""Upkeep of the job queue itself. Why we do this: docs/decisions/0006."""

from procrastinate import JobContext
from procrastinate.contrib.django import app
from procrastinate.exceptions import UniqueViolation
from procrastinate.jobs import Status

STALLED_SECONDS = 12  # a worker beats every two
KEPT_HOURS = 30 * 24
# Queues whose jobs take minutes; quick ones never wait.
LONG = frozenset({"imports", "learning", "linkage"})


@app.periodic(cron="* * * * * */5")  # the sixth field is seconds
@app.task(
    name="jobs.retry_stalled", queue="upkeep", queueing_lock="jobs.retry_stalled",
    pass_context=True, priority=100,
)  # fmt: skip
async def retry_stalled(context: JobContext, timestamp: int) -> None:
    """Give the jobs of killed workers to living ones. Run twice, it gives nothing twice."""
    manager = context.app.job_manager
    for job in await manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_SECONDS):
        try:
            await manager.retry_job(job)
        except UniqueViolation:  # the next one of its kind waits already
            await manager.finish_job(job, status=Status.FAILED, delete_job=True)


@app.periodic(cron="17 3 * * *")
@app.task(
    name="jobs.delete_old", queue="upkeep", queueing_lock="jobs.delete_old", pass_context=True
)
async def delete_old(context: JobContext, timestamp: int) -> None:
    """Forget jobs that ended a month ago, failed ones too. Succeeded ones go at once."""
    await context.app.job_manager.delete_old_jobs(
        nb_hours=KEPT_HOURS, include_failed=True, include_cancelled=True, include_aborted=True
    )
