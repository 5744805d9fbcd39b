import asyncio
from types import SimpleNamespace
from typing import cast

import pytest
from django.db import connection
from procrastinate import JobContext
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob

from furrow.common.tasks import retry_stalled


@pytest.mark.django_db(transaction=True)
def test_killed_workers_jobs_go_back_into_the_queue_unless_their_like_waits_there() -> None:
    with connection.cursor() as cursor:  # these tables are not Django's, so no test empties them
        cursor.execute("TRUNCATE procrastinate_jobs, procrastinate_workers CASCADE")
    for lock in ("a", "b", "c", "d"):
        app.configure_task("jobs.delete_old", queueing_lock=lock).defer(timestamp=0)
    killed, orphaned, living, repeated = ProcrastinateJob.objects.order_by("pk")
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO procrastinate_workers (last_heartbeat)"
            " VALUES (now() - interval '40 s'), (now()) RETURNING id"
        )
        (dead,), (alive,) = cursor.fetchall()
        for job, worker in (
                (killed, dead), (orphaned, None), (living, alive), (repeated, dead),
            ):  # fmt: skip
            cursor.execute(
                "UPDATE procrastinate_jobs SET status = 'doing', worker_id = %s WHERE id = %s",
                [worker, job.pk],
            )

    app.configure_task("jobs.delete_old", queueing_lock="d").defer(timestamp=0)
    successor = ProcrastinateJob.objects.order_by("-pk")[0]

    async def run() -> None:
        worker = app.with_connector(app.connector.get_worker_connector())  # type: ignore[attr-defined]
        async with worker.open_async():
            context = cast(JobContext, SimpleNamespace(app=worker))
            await retry_stalled.func(context, timestamp=0)

    asyncio.run(run())

    states = dict(ProcrastinateJob.objects.order_by("pk").values_list("pk", "status"))
    assert states == {
        killed.pk: "todo", orphaned.pk: "todo", living.pk: "doing", successor.pk: "todo",
    }  # fmt: skip
