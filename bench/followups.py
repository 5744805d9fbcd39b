"""The night's reminders over five million customers: killed half-way, resumed, nobody forgotten.

    python bench/followups.py                          5,000,000 customers
    python bench/followups.py --customers 200000       a smaller house

Makes its customers with generate_series in a database of its own. The first night has the
backlog of a house that never reminded anybody; the second is an ordinary one.
"""

from __future__ import annotations

import argparse
import os
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from measuring import database, postgres_server, processor_seconds, tell, tell_table

HERE = Path(__file__).parent
GOAL_SECONDS = 120


def make(*, customers: int, agents: int, at: datetime) -> None:
    """Fill an empty, migrated database."""
    from company import _take_indexes
    from django.db import connection, transaction

    from furrow.organisation.actions import create_team, create_user, system_user
    from furrow.organisation.rules import Role

    by, begin = system_user(), at - timedelta(days=200)
    with transaction.atomic(), connection.cursor() as cursor:
        teams = [create_team(name=f"Team {n}", by=by, at=begin) for n in range(40)]
        for n in range(agents):
            create_user(
                username=f"agent{n}", display_name=f"Agent {n}", role=Role.AGENT,
                team=teams[n % 40], password=None, by=by, at=begin,
            )  # fmt: skip
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("SET LOCAL maintenance_work_mem = '1GB'")
        indexes = _take_indexes(cursor)
        cursor.execute(
            (HERE / "followups.sql").read_text(), {"customers": customers, "at": at, "by": by.pk}
        )
        for index in indexes:
            cursor.execute(index)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def night(*, at: datetime, is_killed: bool) -> list[list[str]]:
    """One night's run; `is_killed` half-way and resumed, the figures are of both together."""
    from django.db import connection

    from furrow.customers.models import Customer
    from furrow.followups import actions
    from furrow.followups.models import FollowUp

    actions.CHUNK = min(actions.CHUNK, Customer.objects.count() // 8)
    plan, seen, before = actions.plan_revisits, 0, FollowUp.objects.count()

    def dies(**given: Any) -> dict[str, int]:
        nonlocal seen
        seen += 1
        found = plan(**given)
        if is_killed and seen == 4:
            raise KeyboardInterrupt
        return found

    used, began = processor_seconds(os.getpid(), postgres_server()), time.perf_counter()
    actions.plan_revisits = dies
    try:
        run = actions.remind_of_everybody(at=at)
    except KeyboardInterrupt:
        connection.close()
        run = actions.remind_of_everybody(at=at + timedelta(minutes=1))
    finally:
        actions.plan_revisits = plan
    seconds = time.perf_counter() - began
    used = processor_seconds(os.getpid(), postgres_server()) - used
    assert run is not None
    assert run.found["forgotten"] == 0
    planned = FollowUp.objects.count() - before
    assert planned == sum(
        run.found.get(k, 0) for k in ("just_bought", "bought", "intent", "others")
    )
    return [
        ["revisits planned", f"{planned:,}", ""],
        ["owned and forgotten without a reminder", f"{run.found['forgotten']}", "0"],
        ["told of in the pools", f"{run.found['in_pools']:,}", ""],
        ["processor seconds", f"{used:.1f}", ""],
        ["seconds" + (", killed and resumed" if is_killed else ""), f"{seconds:.1f}",
         f"≤ {GOAL_SECONDS}"],
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=5_000_000)
    parser.add_argument("--agents", type=int, default=4_000)
    given = parser.parse_args()
    at = datetime.now(ZoneInfo("Asia/Shanghai")).replace(hour=2, minute=20, second=0, microsecond=0)
    with database("followups_night", keep=False):
        began = time.perf_counter()
        make(customers=given.customers, agents=given.agents, at=at)
        tell(f"{given.customers:,} customers made in {time.perf_counter() - began:.0f} s")
        columns = ["what", "measured", "goal"]
        tell_table("The first night", columns, night(at=at, is_killed=True))
        later = at + timedelta(days=1)
        tell_table("An ordinary night", columns, night(at=later, is_killed=False))


if __name__ == "__main__":
    main()
