"""The nightly return over five million customers, and claiming by two hundred agents at once.

    python bench/ownership.py                          5,000,000 customers
    python bench/ownership.py --customers 200000       a smaller house

Makes its customers with generate_series in a database of its own, kept for the next time on the
same day. First the run is killed half-way and resumed, then its figures are told; then agents claim
from one process with the server's pool of connections, each as often as --every says.
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import os
import threading
import time
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from measuring import (
    database,
    percentile,
    postgres_server,
    processor_seconds,
    tell,
    tell_table,
)

from furrow.config.places import schema_mark

HERE = Path(__file__).parent
GOAL_RUN_SECONDS, GOAL_CLAIM_MS = 60, 15


def make(*, customers: int, agents: int, at: datetime) -> None:
    """Fill an empty, migrated database."""
    from company import _take_indexes
    from django.db import connection, transaction

    from furrow.organisation.actions import create_team, create_user, system_user
    from furrow.organisation.rules import Role
    from furrow.ownership.queries import BOOK
    from furrow.ownership.rules import DEFAULT_BODY
    from furrow.rulebooks.actions import set_rules

    by, begin = system_user(), at - timedelta(days=120)
    with transaction.atomic(), connection.cursor() as cursor:
        teams = [create_team(name=f"Team {n}", by=by, at=begin) for n in range(40)]
        for n in range(agents):
            create_user(
                username=f"agent{n}", display_name=f"Agent {n}", role=Role.AGENT,
                team=teams[n % 40], password=None, by=by, at=begin,
            )  # fmt: skip
        body: Any = copy.deepcopy(dict(DEFAULT_BODY)) | {"is_on": True}
        body["pools"][0] |= {
            "claims_per_day": 10_000, "most_unworked": 100_000,
            "most_held": {"agent": 100_000, "leader": 100_000},
        }  # fmt: skip
        # What is measured is the cost of a claim, not how soon it is refused.
        set_rules(book=BOOK, body=body, note="bench", by=by, at=begin)
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("SET LOCAL maintenance_work_mem = '1GB'")
        indexes = _take_indexes(cursor)
        cursor.execute(
            (HERE / "ownership.sql").read_text(), {"customers": customers, "at": at, "by": by.pk}
        )
        for index in indexes:
            cursor.execute(index)
        for table in ("customers_customer", "customers_ownershipevent", "ownership_return"):
            cursor.execute(
                f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id)) FROM {table}"
            )
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def run_night(*, at: datetime) -> list[list[str]]:
    """Kill a run half-way, resume it; the figures are of both together."""
    from django.db import connection

    from furrow.customers.models import Customer, OwnershipEvent
    from furrow.ownership import actions
    from furrow.ownership.models import Losing, Return
    from furrow.rulebooks.models import Run

    actions.CHUNK = min(actions.CHUNK, Customer.objects.count() // 8)
    owned = Customer.objects.exclude(owner=None).count()
    before = OwnershipEvent.objects.count()
    look, seen, began = actions._look_at, 0, time.perf_counter()
    used = processor_seconds(os.getpid(), postgres_server())
    while actions.finish_returns(at=at):
        pass
    carried = processor_seconds(os.getpid(), postgres_server()) - used
    carried_by_clock = time.perf_counter() - began

    def dies(**given: Any) -> int:
        nonlocal seen
        seen += 1
        found = look(**given)
        if seen == 4:
            raise KeyboardInterrupt
        return found

    actions._look_at = dies  # type: ignore[assignment]
    try:
        actions.return_due(at=at)
    except KeyboardInterrupt:
        killed = Run.objects.get().done_to
    finally:
        actions._look_at = look
    connection.close()
    run = actions.return_due(at=at + timedelta(minutes=1))
    seconds = time.perf_counter() - began
    used = processor_seconds(os.getpid(), postgres_server()) - used
    assert run is not None
    moved = OwnershipEvent.objects.count() - before
    assert owned - Customer.objects.exclude(owner=None).count() == moved
    return [
        ["customers owned", f"{owned:,}", ""],
        ["returned to the pool", f"{moved:,}", ""],
        ["announced", f"{Return.objects.open().count():,}", ""],
        ["warned of", f"{Losing.objects.count():,}", ""],
        ["killed after looking at", f"{killed:,}", "resumed there"],
        [
            "of it carrying out returns, seconds",
            f"{carried_by_clock:.1f}",
            f"processors {carried:.1f}",
        ],
        ["the night's run, processor seconds", f"{used:.1f}", ""],
        ["the night's run, seconds", f"{seconds:.1f}", f"≤ {GOAL_RUN_SECONDS}"],
    ]


def claim(*, people: int, seconds: float, every: float, at: datetime) -> list[list[str]]:
    """`people` agents claim one pooled customer of their team each `every` seconds on average."""
    from django.db import connection

    from furrow.customers.models import Customer
    from furrow.organisation.models import User
    from furrow.ownership.actions import claim_customers

    agents = list(User.objects.filter(role="agent").order_by("pk")[:people])
    pooled = {
        agent.pk: list(
            Customer.objects.filter(owner=None, team=agent.team_id)
            .order_by("pk")
            .values_list("pk", flat=True)[place // 40 * 100 : place // 40 * 100 + 100]
        )
        for place, agent in enumerate(agents)
    }
    took: list[float] = []
    refused: list[str] = []
    for customer in pooled[agents[0].pk][:50]:  # warm, and one at a time
        began = time.perf_counter()
        claim_customers(customers=[customer], by=agents[0], at=at)
        connection.close()
        took.append((time.perf_counter() - began) * 1000)
    alone, took = percentile(took, 0.50), []
    del pooled[agents[0].pk][:50]
    start = threading.Barrier(people)

    def work(agent: User) -> None:
        random, mine = Random(agent.pk), iter(pooled[agent.pk])
        start.wait()
        ends = time.perf_counter() + seconds
        time.sleep(random.random() * every)
        while time.perf_counter() < ends and (customer := next(mine, None)):
            began = time.perf_counter()
            [answer] = claim_customers(customers=[customer], by=agent, at=at)
            connection.close()  # back to the pool, as at the end of a request
            took.append((time.perf_counter() - began) * 1000)
            if answer.why is not None:
                refused.append(answer.why.message)
            time.sleep(random.expovariate(1 / every))

    threads = [threading.Thread(target=work, args=(agent,)) for agent in agents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [
        ["agents claiming at once", f"{people}", ""],
        ["claims a second", f"{len(took) / seconds:.0f}", ""],
        ["refused", f"{len(refused)}", "0"],
        ["claim by one alone, p50 ms", f"{alone:.1f}", ""],
        ["claim, p50 ms", f"{percentile(took, 0.50):.1f}", ""],
        ["claim, p99 ms", f"{percentile(took, 0.99):.1f}", f"≤ {GOAL_CLAIM_MS}"],
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=5_000_000)
    parser.add_argument("--agents", type=int, default=4_000)
    parser.add_argument("--claimers", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument(
        "--every", type=float, default=4, help="seconds between claims of one agent"
    )
    given = parser.parse_args()
    from zoneinfo import ZoneInfo

    at = datetime.now(ZoneInfo("Asia/Shanghai")).replace(hour=2, minute=10, second=0, microsecond=0)
    mark = hashlib.sha256(
        f"{given.customers} {given.agents} {at:%Y%m%d} {schema_mark()}".encode()
        + b"".join((HERE / f"ownership.{kind}").read_bytes() for kind in ("sql", "py"))
    ).hexdigest()
    with database(f"ownership_{mark[:16]}", keep=False):
        began = time.perf_counter()
        make(customers=given.customers, agents=given.agents, at=at)
        tell(f"{given.customers:,} customers made in {time.perf_counter() - began:.0f} s")
        rows = run_night(at=at)
        rows += claim(people=given.claimers, seconds=given.seconds, every=given.every, at=at)
        tell_table("Ownership", ["what", "measured", "goal"], rows)


if __name__ == "__main__":
    main()
