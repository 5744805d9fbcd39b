"""How long the dialer takes to find whom to dial next, with ten million customers waiting.

    python bench/leads.py                    ten million targets, 800 agents, 40 campaigns
    python bench/leads.py --targets 1000000  fewer

Times the actions the dialing loop calls, on rows as they lie after a working day: one in ten put
off until later, one in twenty done. "Select" is the statement that finds and locks the customer;
"whole" is the action: the select, the lease, and putting its target off, committed. Then eight
at once, as several dialers or a slow commit would do. The goal is the select's: p99 under 5 ms.
"""

from __future__ import annotations

import argparse
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from measuring import database, machine, percentile, tell, tell_table

if TYPE_CHECKING:
    from furrow.campaigns.models import Campaign
    from furrow.organisation.models import User

GOAL_MS = 5.0
CAMPAIGNS, AGENTS, OWNED = 40, 800, 20

TARGETS = """
INSERT INTO campaigns_target
    (campaign_id, customer_id, agent_id, state, priority, attempts, source_ref, not_before, done_at)
SELECT campaigns[1 + i %% cardinality(campaigns)],
       1000000000 + i,
       NULL,
       CASE WHEN hashint8(i + 4) %% 20 = 7 THEN 'done' ELSE 'waiting' END,
       (hashint8(i) & 2147483647) %% 6,
       (hashint8(i + 1) & 2147483647) %% 4,
       1 + (hashint8(i + 2) & 2147483647) %% 5,
       CASE WHEN hashint8(i + 5) %% 10 = 3
            THEN now() + make_interval(mins => (hashint8(i + 3) & 2147483647) %% 2000) END,
       CASE WHEN hashint8(i + 4) %% 20 = 7 THEN now() END
FROM generate_series(1, %(targets)s) AS i, (SELECT %(campaigns)s::bigint[] AS campaigns) AS c
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--targets", type=int, default=10_000_000)
    parser.add_argument("--takes", type=int, default=2_000, help="of each kind")
    chosen = parser.parse_args()
    with database(f"leads_{chosen.targets}", keep=True) as is_new:
        if is_new:
            began = time.perf_counter()
            _make(chosen.targets)
            tell(f"{chosen.targets:,} targets made in {time.perf_counter() - began:.0f} s")
        _measure(chosen.targets, chosen.takes)


def _make(targets: int) -> None:
    from django.db import connection
    from django.utils import timezone

    from furrow.campaigns.actions import (
        CampaignDraft,
        Dialing,
        create_campaign,
        save_script,
        seed_dispositions,
    )
    from furrow.campaigns.models import Campaign, Target
    from furrow.campaigns.rules import CampaignState, DialMode
    from furrow.customers.models import Customer
    from furrow.organisation.actions import create_team, system_user
    from furrow.organisation.models import Presence, User
    from furrow.organisation.rules import PresenceState, Role
    from furrow.pipeline.rules import Stage

    by, at = system_user(), timezone.now()
    team = create_team(name="Bench", by=by, at=at)
    agents = User.objects.bulk_create(
        User(username=f"a{i}", display_name=f"A{i}", role=Role.AGENT, team=team)
        for i in range(AGENTS)
    )
    Presence.objects.bulk_create(
        Presence(user=agent, state=PresenceState.READY, since=at, seen_at=at) for agent in agents
    )
    script = save_script(name="bench", body={}, by=by, at=at)
    results = seed_dispositions(name="bench", by=by, at=at)
    campaigns = []
    for i in range(CAMPAIGNS):
        mine = agents[i * AGENTS // CAMPAIGNS : (i + 1) * AGENTS // CAMPAIGNS]
        draft = CampaignDraft(
            name=f"Bench {i}", stage=Stage.SCREENING, script_version=script,
            disposition_set=results, agents=mine, opens_minute=0, closes_minute=1440,
            dialing=Dialing(dial_mode=DialMode.PREDICTIVE),
        )  # fmt: skip
        campaigns.append(create_campaign(draft=draft, by=by, at=at))
    Campaign.objects.update(state=CampaignState.RUNNING)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'campaigns_target'"
            " AND indexname NOT IN (SELECT conname FROM pg_constraint)"
        )
        indexes = cursor.fetchall()
        for name, _definition in indexes:
            cursor.execute(f"DROP INDEX {name}")
        cursor.execute("SET session_replication_role = replica")  # their customers are not made
        cursor.execute("SET maintenance_work_mem = '1GB'")
        cursor.execute(TARGETS, {"targets": targets, "campaigns": [c.pk for c in campaigns]})
        for _name, definition in indexes:
            cursor.execute(definition)
        cursor.execute("SET session_replication_role = DEFAULT")
    owned = Customer.objects.bulk_create(
        [
            Customer(
                name=f"C{i}", owner=agents[i % AGENTS], owned_since=at, team=team, created_at=at
            )
            for i in range(AGENTS * OWNED)
        ],
        batch_size=2000,
    )
    Target.objects.bulk_create(
        [
            Target(
                campaign=campaigns[(i % AGENTS) * CAMPAIGNS // AGENTS], customer=customer,
                agent=agents[i % AGENTS], priority=i % 6,
            )
            for i, customer in enumerate(owned)
        ],
        batch_size=2000,
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE campaigns_target")
        cursor.execute("CHECKPOINT")


def _measure(targets: int, takes: int) -> None:
    from django.utils import timezone

    from furrow.campaigns.actions import wake_targets
    from furrow.campaigns.models import Campaign, Target
    from furrow.dialer.actions import begin_reign, release_lease, take_for_agent, take_from_pool
    from furrow.dialer.models import Lease

    at = timezone.now()
    reign = begin_reign(at=at)
    campaigns = list(Campaign.objects.order_by("pk"))
    people: list[tuple[Campaign, User]] = [
        (campaign, agent) for campaign in campaigns for agent in campaign.agents.order_by("pk")
    ]

    def one_for_agent(i: int) -> None:
        campaign, agent = people[i * 37 % len(people)]
        taken = take_for_agent(campaign=campaign, agent=agent, dial_at=at, reign=reign, at=at)
        assert taken is not None
        release_lease(lease_id=taken.lease_id, why="bench", until=at + timedelta(hours=4), at=at)

    def from_pool(
        most: int, *, order: tuple[int, ...] = (), favoured: tuple[int, ...] = ()
    ) -> Callable[[int], None]:
        def take(i: int) -> None:
            campaign = campaigns[i % len(campaigns)]
            taken = take_from_pool(
                campaign=campaign, most=most, order=order, favoured=favoured, reign=reign, at=at
            )
            assert len(taken) == most
            Lease.objects.filter(pk__in=[one.lease_id for one in taken]).update(
                released_at=at, why="bench"
            )

        return take

    def rows() -> Iterator[tuple[object, ...]]:
        yield _timed("the best of the pool", from_pool(1), takes)
        yield _timed("… asking five lists in turn", from_pool(1, order=(3, 1, 5, 2, 4)), takes)
        yield _timed("… three lists at their best hour", from_pool(1, favoured=(3, 1, 5)), takes)
        yield _timed("… thirty at once", from_pool(30), takes // 10)
        yield _timed("for one agent: own or the pool's", one_for_agent, takes)
        yield _timed("for one agent, eight at once", one_for_agent, takes, threads=8)

    told = tell_table(
        f"The next to dial, of {targets:,} in {CAMPAIGNS} campaigns, {AGENTS} agents; ms",
        ("taken", "select p50", "p99", "most", "whole p50", "p99", "most"),
        rows(),
    )
    due = Target.objects.filter(state="waiting", not_before=None)[:5000].values("pk")
    Target.objects.filter(pk__in=due).update(not_before=at)
    began = time.perf_counter()
    woken = wake_targets(at=at)
    tell(f"{woken:,} put off until now are ready again after {time.perf_counter() - began:.2f} s")
    worst = max(float(str(row[2])) for row in told)
    tell(f"select p99 at most {worst:.1f} ms, goal {GOAL_MS:.0f} ms · {machine()}")


def _timed(
    what: str, take: Callable[[int], None], takes: int, *, threads: int = 1
) -> tuple[object, ...]:
    """One row: what the finding statement took, and the whole action, after a warm-up."""
    whole: list[float] = []
    selects: list[float] = []

    def work(first: int) -> None:
        from django.db import connection

        with _watching(connection, selects):
            for i in range(first, takes, threads):
                began = time.perf_counter()
                take(i)
                whole.append((time.perf_counter() - began) * 1000)
        if threads > 1:
            connection.close()

    for i in range(20):
        take(i)
    if threads == 1:
        work(0)
    else:
        workers = [threading.Thread(target=work, args=(i,)) for i in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    shares = [
        f"{value:.1f}"
        for times in (selects, whole)
        for value in (percentile(times, 0.5), percentile(times, 0.99), max(times))
    ]
    return (what, *shares)


@contextmanager
def _watching(connection: Any, times: list[float]) -> Iterator[None]:
    """Milliseconds of the statements that find targets to dial."""

    def watch(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        began = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            if "FOR UPDATE" in sql and "campaigns_target" in sql and sql.startswith("SELECT"):
                times.append((time.perf_counter() - began) * 1000)

    with connection.execute_wrapper(watch):
        yield


if __name__ == "__main__":
    main()
