"""How many calls a second one dialer places, and how soon a floor of eight hundred is dialled.

    python bench/dials.py                 800 agents, 60 seconds
    python bench/dials.py --agents 100    fewer

The real dialing loop on a real PostgreSQL, with the simulated carrier in the same process: for
each call it takes a lease, asks the gate, stores permit and call, and only then dials. All agents
sit down at once with nobody waiting; then the list arrives and the seconds are counted. What the
loop's process and the server use of the processors stands beside it. 800 agents who talk need
about 36 calls a second. Works in a database it drops.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import threading
import time
from typing import TYPE_CHECKING

from measuring import (
    database,
    percentile,
    postgres_server,
    processor_seconds,
    tell_table,
)

if TYPE_CHECKING:
    from furrow.campaigns.models import Campaign

NEEDED_PER_AGENT = 36 / 800  # calls a second: 25 % answered, 100 s talked and wrapped up
FIRST_OF_SECONDS = 60.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--agents", type=int, default=800)
    parser.add_argument("--seconds", type=float, default=FIRST_OF_SECONDS)
    chosen = parser.parse_args()
    with database("dials", keep=False):
        _measure(chosen.agents, chosen.seconds)


def _measure(agents: int, seconds: float) -> None:
    from django.db import connection
    from django.utils import timezone

    from furrow.calls.models import Call
    from furrow.campaigns.models import Target
    from furrow.customers.models import Customer
    from furrow.dialer.loop import Carrier, Dialer
    from furrow.dialer.models import Line
    from furrow.telephony.clock import RealClock
    from furrow.telephony.simulated import CarrierSettings, SimulatedTelephony

    campaign = _house(agents, waiting=int(agents * 10 + seconds * 100))
    switch = SimulatedTelephony(CarrierSettings(), RealClock(1.0))
    loops: list[asyncio.AbstractEventLoop] = []
    dialers: list[Dialer] = []

    async def dial() -> None:
        loops.append(asyncio.get_running_loop())
        dialers.append(Dialer(Carrier(lambda: switch, outlives_us=False), drain_seconds=0.0))
        await dialers[0].run()

    thread = threading.Thread(target=lambda: asyncio.run(dial()))
    thread.start()
    try:
        _wait(lambda: Line.objects.filter(up_at__isnull=False).count() == agents)
        time.sleep(2)  # all of them are noticed as ready
        server = postgres_server()
        used = processor_seconds(os.getpid()), processor_seconds(server)
        began, began_at = time.monotonic(), timezone.now()
        Target.objects.bulk_create(
            [Target(campaign=campaign, customer_id=pk)
             for pk in Customer.objects.values_list("pk", flat=True)],
            batch_size=5000,
        )  # fmt: skip
        arrived = time.monotonic() - began
        dialled = Call.objects.filter(dialed_at__isnull=False)
        _wait(lambda: dialled.count() >= agents)
        first = time.monotonic() - began - arrived
        time.sleep(max(0.0, seconds - (time.monotonic() - began)))
        took = time.monotonic() - began
        used = (
            processor_seconds(os.getpid()) - used[0],
            processor_seconds(server) - used[1],
        )
        placed = sorted((at - began_at).total_seconds() for at in
                        dialled.values_list("dialed_at", flat=True))  # fmt: skip
    finally:
        loops[0].call_soon_threadsafe(dialers[0].stop)
        thread.join(60)
        connection.close()
    best = max(
        sum(1 for at in placed if start <= at < start + 5) / 5 for start in range(int(took) - 4)
    )
    tell_table(
        f"{agents} agents sit down, then a list arrives",
        ("what", "measured", "goal"),
        [
            ("seconds until as many calls were placed as agents sit", f"{first:.1f}", ""),
            ("calls placed a second, best five seconds", f"{best:.0f}",
             f"≥ {agents * NEEDED_PER_AGENT:.0f}"),
            (f"calls placed in {took:.0f} s", len(placed), ""),
            ("half of them by second", f"{percentile(placed, 0.5):.0f}", ""),
            ("processor ms a call, dialer with its carrier", f"{used[0] / len(placed) * 1e3:.1f}",
             ""),
            ("processor ms a call, PostgreSQL", f"{used[1] / len(placed) * 1e3:.1f}", ""),
        ],
    )  # fmt: skip


def _house(agents: int, *, waiting: int) -> Campaign:
    """A predictive campaign round the clock, everybody sitting; its customers not yet in it."""
    from django.utils import timezone

    from furrow.campaigns.actions import (
        CampaignDraft,
        Dialing,
        create_campaign,
        save_script,
        seed_dispositions,
    )
    from furrow.campaigns.models import Campaign
    from furrow.campaigns.rules import CampaignState, DialMode
    from furrow.compliance.actions import set_policy
    from furrow.customers.actions import bulk_create_customers
    from furrow.customers.rules import CustomerDraft
    from furrow.dialer.actions import open_session
    from furrow.organisation.actions import create_team, system_user
    from furrow.organisation.models import Presence, User
    from furrow.organisation.rules import PresenceState, Role
    from furrow.pipeline.rules import Stage

    by, at = system_user(), timezone.now()
    always = {"weekdays": [0, 1, 2, 3, 4, 5, 6], "from": "00:00", "to": "24:00"}
    body = {"windows": [always], "on_holidays": True}
    set_policy(region="CN", body=body, note="bench", by=by, at=at)
    team = create_team(name="Bench", by=by, at=at)
    people = User.objects.bulk_create(
        User(username=f"a{i}", display_name=f"A{i}", role=Role.AGENT, team=team)
        for i in range(agents)
    )
    Presence.objects.bulk_create(
        Presence(user=agent, state=PresenceState.READY, since=at, seen_at=at) for agent in people
    )
    for first in range(0, waiting, 5000):
        drafts = [
            CustomerDraft(name=f"C{i}", numbers=[f"+86138{i:08d}"])
            for i in range(first, min(first + 5000, waiting))
        ]
        bulk_create_customers(drafts=drafts, team=team, by=by, at=at)
    draft = CampaignDraft(
        name="Bench", stage=Stage.SCREENING, script_version=save_script(
            name="bench", body={}, by=by, at=at),
        disposition_set=seed_dispositions(name="bench", by=by, at=at), agents=people,
        opens_minute=0, closes_minute=1440,
        dialing=Dialing(dial_mode=DialMode.PREDICTIVE, small_team=0),
    )  # fmt: skip
    campaign = create_campaign(draft=draft, by=by, at=at)
    Campaign.objects.update(state=CampaignState.RUNNING)
    for agent in people:
        open_session(agent=agent, at=at)
    return campaign


def _wait(condition: object, *, seconds: float = 120) -> None:
    assert callable(condition)
    give_up_at = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > give_up_at:
            raise SystemExit("It did not happen in two minutes.")
        time.sleep(0.1)


if __name__ == "__main__":
    main()
