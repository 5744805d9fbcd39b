"""A worker killed in the middle of an import loses nothing and doubles nothing."""

import os
import signal
import subprocess
import sys

import pytest
from django.db import connection
from django.utils import timezone
from psycopg.conninfo import make_conninfo

from furrow.acquisition import actions
from furrow.acquisition.models import Lead
from furrow.acquisition.rules import BatchState
from furrow.customers.models import Customer, Number

from .make import check, make_list, work

# Chunks of ten; the third to come stands still inside its transaction, after it has written
# customers, with another one running beside it.
WORKER = """
import sys, threading, time, django
django.setup()
from furrow.acquisition import tasks
from furrow.acquisition.actions import importing
importing.CREATE_ROWS, importing.AT_ONCE = 10, 2
actual, calls, counting = importing.admit_arrivals, [], threading.Lock()
def stands_still(**arguments):
    made = actual(**arguments)
    with counting:
        calls.append(1)
        is_third = len(calls) == 3
    if is_third:
        print("standing still", flush=True)
        time.sleep(120)
    return made
importing.admit_arrivals = stands_still
tasks.work(batch_id=int(sys.argv[1]))
"""


@pytest.mark.django_db(transaction=True)
def test_a_killed_worker_loses_nothing_and_doubles_nothing() -> None:
    rows = [(f"客户{n}", f"1380013{n:04d}") for n in range(1000, 1055)]
    rows.insert(30, ("客户1003", "+86 138-0013-1003"))
    rows.append(("", "13800139999"))
    batch = check(make_list(rows))
    actions.start_import(batch=batch, by=batch.by, at=timezone.now())

    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(batch.pk)],
        env={**os.environ, "DATABASE_URL": _url(), "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert worker.stdout is not None
    assert worker.stdout.readline() == "standing still\n"
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    worker.stdout.close()

    batch = work(batch)  # waits for the lock until PostgreSQL notices the dead client

    assert batch.state == BatchState.DONE
    assert batch.counts == {"created": 55, "joined": 1, "skipped": 0, "failed": 1}
    assert Customer.objects.count() == Number.objects.count() == 55
    assert Lead.objects.count() == 56


def _url() -> str:
    of = connection.settings_dict
    return make_conninfo(
        host=of["HOST"], port=of["PORT"], user=of["USER"], password=of["PASSWORD"],
        dbname=of["NAME"],
    )  # fmt: skip
