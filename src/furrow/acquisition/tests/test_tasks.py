"""What the background job says when it cannot go on."""

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from furrow.acquisition import actions, tasks
from furrow.acquisition.queries import is_waiting
from furrow.acquisition.rules import BatchState

from .make import make_list, stored_files

pytestmark = pytest.mark.django_db
ROWS = [("张伟", "13800138001")]


def test_the_job_does_a_list_to_its_end() -> None:
    batch = make_list(ROWS)
    actions.start_check(batch=batch, by=batch.by, at=timezone.now())
    jobs = ProcrastinateJob.objects.filter(task_name="acquisition.work")
    assert jobs.filter(args={"batch_id": batch.pk}).exists()

    tasks.work(batch_id=batch.pk)
    tasks.work(batch_id=batch.pk)  # again: nothing more to do

    batch.refresh_from_db()
    assert batch.state == BatchState.CHECKED


def test_a_lost_file_fails_with_a_sentence() -> None:
    batch = make_list(ROWS)
    actions.start_check(batch=batch, by=batch.by, at=timezone.now())
    for file in stored_files():
        file.unlink()

    tasks.work(batch_id=batch.pk)

    batch.refresh_from_db()
    assert batch.state == BatchState.FAILED
    assert batch.error == "The file is no longer there. Upload it again."


def test_a_bug_fails_the_list_and_the_job(monkeypatch: pytest.MonkeyPatch) -> None:
    batch = make_list(ROWS)
    actions.start_check(batch=batch, by=batch.by, at=timezone.now())

    def breaks(**arguments: object) -> bool:
        raise ZeroDivisionError

    monkeypatch.setattr("furrow.acquisition.actions.take_step", breaks)
    with pytest.raises(ZeroDivisionError):
        tasks.work(batch_id=batch.pk)

    batch.refresh_from_db()
    assert (batch.state, batch.stopped_in) == (BatchState.FAILED, BatchState.CHECKING)


def test_an_unreadable_row_names_its_line() -> None:
    fine = [(f"客户{n}", f"1380013{n:04d}") for n in range(300)]  # beyond what the upload looks at
    batch = make_list([*fine, ('"李娜', "13800138002")])
    actions.start_check(batch=batch, by=batch.by, at=timezone.now())

    tasks.work(batch_id=batch.pk)

    batch.refresh_from_db()
    assert batch.state == BatchState.FAILED
    assert "quotation mark" in batch.error
    assert "Line" in batch.error


def test_a_list_whose_worker_died_says_that_it_waits() -> None:
    batch = make_list()
    at = timezone.now()
    actions.start_check(batch=batch, by=batch.by, at=at)
    batch.refresh_from_db()
    later = at + timedelta(seconds=25)

    assert not is_waiting(batch, at=at)
    assert is_waiting(batch, at=later)
    with connection.cursor() as cursor:  # a worker has it in hand
        cursor.execute(
            "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (%s) RETURNING id", [later]
        )
        cursor.execute(
            "UPDATE procrastinate_jobs SET status = 'doing', worker_id = %s"
            " WHERE args ->> 'batch_id' = %s",
            [*(cursor.fetchone() or ()), str(batch.pk)],
        )
    assert not is_waiting(batch, at=later)
    assert is_waiting(batch, at=later + timedelta(seconds=25))
