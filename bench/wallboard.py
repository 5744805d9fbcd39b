"""What the wallboard costs: one look at a floor of so many agents, and what is sent of it.

    python bench/wallboard.py                300 agents, 60 looks, 5 of them change at each
    python bench/wallboard.py --agents 800

In this process, on a real PostgreSQL: the looks that `furrow events` makes once a second while
somebody watches, and the size of the messages each watcher hears.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from datetime import UTC, datetime, timedelta

from measuring import database, percentile, tell_table


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--agents", type=int, default=300)
    parser.add_argument("--looks", type=int, default=60)
    parser.add_argument("--changes", type=int, default=5, help="seats that change at each look")
    chosen = parser.parse_args()
    with database("wallboard", keep=False):
        from furrow.common.realtime import frame_of
        from furrow.desk.floor import FloorWatch
        from furrow.organisation.models import Presence, Team, User
        from furrow.organisation.rules import PresenceState, Role

        at = datetime.now(UTC)
        team = Team.objects.create(name="Floor")
        people = User.objects.bulk_create(
            User(username=f"a{n}", display_name=f"坐席 {n}", role=Role.AGENT, team=team)
            for n in range(chosen.agents)
        )
        Presence.objects.bulk_create(
            Presence(user=one, state=PresenceState.READY, since=at, seen_at=at) for one in people
        )
        states = [PresenceState.TALKING, PresenceState.WRAPUP, PresenceState.READY]
        watch, draw = FloorWatch(), random.Random(5)
        before = watch.look([None], at)[None][0]
        whole = frame_of("floor", {"seats": list(before.values())})
        took, sent = [], []
        for _look in range(chosen.looks):
            at += timedelta(seconds=1)
            for one in draw.sample(people, chosen.changes):
                Presence.objects.filter(user=one).update(state=draw.choice(states), since=at)
            Presence.objects.update(seen_at=at)
            began = time.perf_counter()
            seats, figures = watch.look([None], at)[None]
            took.append(1000 * (time.perf_counter() - began))
            changed = [seat for pk, seat in seats.items() if before[pk] != seat]
            sent.append(len(frame_of("floor", {**figures, "seats": changed})))
            before = seats
    tell_table(
        "The wallboard",
        ("", ""),
        [
            ("agents", chosen.agents),
            ("a look, p50", f"{percentile(took, 0.5):.0f} ms"),
            ("… worst (who works here and today's counts read anew)", f"{max(took):.0f} ms"),
            ("sent to a watcher who begins", f"{len(whole) / 1000:.1f} kB"),
            (f"… of {chosen.changes} changes", f"{percentile(sent, 0.5) / 1000:.2f} kB"),
        ],
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
