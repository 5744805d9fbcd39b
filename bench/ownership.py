"""The nightly return over five million customers, and claiming by two hundred agents at once.

    python bench/ownership.py                          5,000,000 customers
    python bench/ownership.py --customers 200000       a smaller house

Makes its customers with generate_series in a database of its own, kept for the next time on the
same day. First the run is killed half-way and resumed, then its figures are told; then two hundred
agents claim, each at instants of its own, on average as often as --every says, through several
processes of eight threads, as `furrow web --processes` serves them: two hundred threads in one
process would measure how Python shares one processor among them.
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import multiprocessing
import os
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from measuring import (
    database,
    percentile,
    postgres_server,
    processor_seconds,
    set_up_django,
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


def alone(*, at: datetime) -> list[list[str]]:
    """One agent claims customer after customer, and nobody else does anything."""
    from furrow.organisation.models import User

    agent = User.objects.filter(role="agent").order_by("-pk")[0]
    took = [_claim(agent, customer, at=at) for customer in _pooled(agent, 60)][10:]
    return [["claim by one alone, p50 ms", f"{percentile(took, 0.50) * 1000:.1f}", "≤ 4"]]


def together(
    *, people: int, seconds: float, every: float, servers: int, at: datetime
) -> list[list[str]]:
    """`people` agents claim one customer of their team each `every` seconds on average, through
    `servers` processes of eight threads each, as `furrow web` has them. From the instant the wish
    arrives, so waiting for a free thread counts."""
    context = multiprocessing.get_context("spawn")
    start = time.time() + 15
    with context.Pool(servers) as pool:
        shares = pool.starmap(
            serve, [(n, servers, people, seconds, every, start, at) for n in range(servers)], 1
        )
    took = [one for served, _refused in shares for one in served]
    refused = sum(refused for _served, refused in shares)
    return [
        ["agents claiming", f"{people}", f"each every {every:g} s, {servers} × 8 threads"],
        ["claims a second", f"{len(took) / seconds:.0f}", ""],
        ["refused", f"{refused}", "0"],
        ["claim, p50 ms", f"{percentile(took, 0.50) * 1000:.1f}", ""],
        ["claim, p95 ms", f"{percentile(took, 0.95) * 1000:.1f}", ""],
        ["claim, p99 ms", f"{percentile(took, 0.99) * 1000:.1f}", f"≤ {GOAL_CLAIM_MS}"],
    ]  # fmt: skip


def serve(
    number: int, servers: int, people: int, seconds: float, every: float, start: float, at: datetime
) -> tuple[list[float], int]:
    """One server process: its share of the agents' wishes. Returns the seconds each took from its
    arrival, and how many were refused."""
    set_up_django()
    from django.db import connection

    from furrow.organisation.models import User

    agents = list(User.objects.filter(role="agent").order_by("pk")[:people])[number::servers]
    arrivals = []
    for agent in agents:
        random, when, customers = Random(agent.pk), 0.0, iter(_pooled(agent, 60))
        _look(agent, at=at)
        while (when := when + random.expovariate(1 / every)) < seconds:
            arrivals.append((start + when, agent, next(customers)))
    connection.close()
    if time.time() > start:
        raise SystemExit("the servers were not ready in time: a busy machine")
    took, refused = [], 0

    def answer(arrived: float, agent: Any, customer: int) -> float | None:
        try:
            _claim(agent, customer, at=at)
        except AssertionError:
            return None
        return time.time() - arrived

    with ThreadPoolExecutor(8) as threads:
        waiting = []
        for arrived, agent, customer in sorted(arrivals, key=lambda one: one[0]):
            time.sleep(max(0.0, arrived - time.time()))
            waiting.append(threads.submit(answer, arrived, agent, customer))
        for one in waiting:
            if (passed := one.result()) is None:
                refused += 1
            else:
                took.append(passed)
    return took, refused


def _pooled(agent: Any, most: int) -> list[int]:
    """Customers only this agent will want, and did not lose tonight."""
    from furrow.customers.models import Customer, OwnershipEvent

    place = agent.pk // 40 * most
    lost = OwnershipEvent.objects.filter(from_owner__team=agent.team_id)
    pooled = (
        Customer.objects.filter(owner=None, team=agent.team_id)
        .exclude(pk__in=lost.values("customer"))
        .order_by("pk")
    )
    return list(pooled.values_list("pk", flat=True)[place : place + most])


def _look(agent: Any, *, at: datetime) -> None:
    """What the pool's page asks before anybody can claim from it."""
    from furrow.ownership.queries import claim_facts, rules_at

    claim_facts(agent, (), rules=rules_at(at), at=at)


def _claim(agent: Any, customer: int, *, at: datetime) -> float:
    """As in a request: rights are read once, the connection goes back to the pool. In seconds."""
    from django.db import connection

    from furrow.organisation.models import held_rights
    from furrow.organisation.rights import Held
    from furrow.ownership.actions import claim_customers

    began = time.perf_counter()
    mark = held_rights.set(Held())
    [answer] = claim_customers(customers=[customer], by=agent, at=at)
    held_rights.reset(mark)
    connection.close()
    assert answer.why is None, answer.why.message
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=5_000_000)
    parser.add_argument("--agents", type=int, default=4_000)
    parser.add_argument("--claimers", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--servers", type=int, default=2, help="processes that serve them")
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
        rows += alone(at=at)
        rows += together(
            people=given.claimers, seconds=given.seconds, every=given.every,
            servers=given.servers, at=at,
        )  # fmt: skip
        tell_table("Ownership", ["what", "measured", "goal"], rows)


if __name__ == "__main__":
    main()
