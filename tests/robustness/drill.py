"""Something dies in mid-dial, again and again; then the books are checked.

The tests do it a few times, `make bench-faults` twenty times each.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from furrow.config.places import REPOSITORY
from tests.robustness.house import CARRIER, House

AGENTS, CUSTOMERS = 6, 600
RECOVERY_SECONDS = 60
FAULTS = ("dialer", "worker", "postgres", "switch")

# Nobody can be on the line of two; the ends of their numbers do not decide, the dice do.
WORLD = {**CARRIER, "talk": [[1.0, {"median_seconds": 20, "sigma": 0.3}]], "rules": {}}


@dataclass
class Drill:
    """A house in which a predictive campaign is being dialled."""

    house: House
    journal: Path
    campaign: int
    targets: int
    took: dict[str, list[float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._carrier = json.dumps({**WORLD, "journal": str(self.journal)})
        self.start_dialer()
        self.worker = self.house.start("worker")

    def start_dialer(self) -> None:
        self.dialer = self.house.start("dialer", FURROW_SIMULATED_CARRIER=self._carrier)

    def inflict(self, fault: str) -> float:
        """Wait until calls are in the air, let something die, heal it as its supervisor would;
        returns the seconds until people talk again."""
        house = self.house
        house.until(lambda: self._in_the_air() >= 3, seconds=RECOVERY_SECONDS)
        match fault:
            case "dialer":
                self.dialer.kill()
                self.start_dialer()
            case "worker":
                self.worker.kill()
                self.worker = house.start("worker")
            case "postgres":
                crash(house)
            case "switch":
                self.dialer.process.send_signal(signal.SIGUSR2)
        since = house.ask("SELECT clock_timestamp()")
        talked = "SELECT count(*) FROM calls_call WHERE campaign_id = %s AND connected_at > %s"
        took = house.until(
            lambda: house.ask(talked, self.campaign, since), seconds=RECOVERY_SECONDS
        )
        self.took.setdefault(fault, []).append(took)
        return took

    def settle(self) -> None:
        """The campaign is paused; what is on ends by itself."""
        self.house.do("UPDATE campaigns_campaign SET state = 'paused' WHERE id = %s", self.campaign)
        self.house.until(lambda: self._in_the_air() == 0, seconds=120)
        owing = (
            "SELECT count(*) FROM calls_call WHERE campaign_id = %s"
            " AND state = 'ended' AND wrapped_at IS NULL AND agent_id IS NOT NULL"
        )
        self.house.until(lambda: self.house.ask(owing, self.campaign) == 0, seconds=60)

    def _in_the_air(self) -> int:
        on = "SELECT count(*) FROM calls_call WHERE campaign_id = %s AND state <> 'ended'"
        return int(self.house.ask(on, self.campaign) or 0)

    # -- the books --------------------------------------------------------------------------------

    def wrong(self) -> list[str]:
        """What does not add up; empty when all does."""
        house, found = self.house, []
        rang = [leg for leg in self.journal.read_text().split() if leg.startswith("call-")]
        if len(rang) != len(set(rang)):
            found.append("a call rang twice")
        calls = dict(
            house.rows("SELECT id, outcome FROM calls_call WHERE campaign_id = %s", self.campaign)
        )
        unknown = {int(leg.removeprefix("call-")) for leg in rang} - calls.keys()
        if unknown:
            found.append(f"rang without being stored first: {len(unknown)}")
        for what, query in BOOKS.items():
            if count := house.ask(query, *[self.campaign] * query.count("%s")):
                found.append(f"{what}: {count}")
        if house.ask("SELECT count(*) FROM campaigns_target WHERE campaign_id = %s",
                     self.campaign) != self.targets:  # fmt: skip
            found.append("a customer is gone from the campaign")
        return found

    def classes(self) -> dict[str, int]:
        rows = self.house.rows(
            "SELECT outcome, count(*) FROM calls_call WHERE campaign_id = %s GROUP BY 1 ORDER BY 2"
            " DESC", self.campaign,
        )  # fmt: skip
        return dict(rows)


BOOKS = {
    "leases without a call that are neither held nor given back": """
        SELECT count(*) FROM dialer_lease
        WHERE campaign_id = %s AND call_id IS NULL AND released_at IS NULL
          AND expires_at < now() - interval '5 s'""",
    "calls without a lease": """
        SELECT count(*) FROM calls_call c WHERE campaign_id = %s
          AND NOT EXISTS (SELECT FROM dialer_lease l WHERE l.call_id = c.id)""",
    "calls of two leases": """
        SELECT count(*) FROM (SELECT call_id FROM dialer_lease WHERE call_id IS NOT NULL
                              GROUP BY 1 HAVING count(*) > 1) AS twice""",
    "calls that have no class": """
        SELECT count(*) FROM calls_call WHERE campaign_id = %s AND outcome = ''""",
    "customers lost: put off as if on the line, and nobody is": """
        SELECT count(*) FROM campaigns_target t
        WHERE campaign_id = %s AND state = 'waiting' AND not_before > now() + interval '3 h 30 min'
          AND not_before < now() + interval '4 h 30 min'
          AND (SELECT outcome FROM calls_call c WHERE c.campaign_id = t.campaign_id
                 AND c.customer_id = t.customer_id ORDER BY id DESC LIMIT 1)
              NOT IN ('no_answer', 'switched_off')""",
    "customers lost: an interrupted dial is not repeated": """
        SELECT count(*) FROM campaigns_target t
        WHERE campaign_id = %s
          AND (SELECT outcome FROM calls_call c WHERE c.campaign_id = t.campaign_id
                 AND c.customer_id = t.customer_id ORDER BY id DESC LIMIT 1) = 'interrupted'
          AND (SELECT agent_id FROM calls_call c WHERE c.campaign_id = t.campaign_id
                 AND c.customer_id = t.customer_id ORDER BY id DESC LIMIT 1) IS NULL
          AND (state <> 'waiting' OR not_before > now() + interval '10 min')""",
    # A fault of ours is no attempt; one that somebody talked through is.
    "customers dialled more often than counted, or counted more often": """
        SELECT count(*) FROM campaigns_target t
        WHERE campaign_id = %s AND attempts NOT BETWEEN (
            SELECT count(*) FROM calls_call c
            WHERE c.campaign_id = t.campaign_id AND c.customer_id = t.customer_id
              AND c.outcome NOT IN ('carrier_fault', 'interrupted', 'cancelled')) AND (
            SELECT count(*) FROM calls_call c
            WHERE c.campaign_id = t.campaign_id AND c.customer_id = t.customer_id)""",
    "agents stuck: on a call that is none": """
        SELECT count(*) FROM organisation_presence p
        JOIN campaigns_campaign_agents m ON m.user_id = p.user_id AND m.campaign_id = %s
        WHERE p.state NOT IN ('ready', 'away')""",
    "agents stuck: kept free for nothing": """
        SELECT count(*) FROM dialer_lease l WHERE campaign_id = %s AND agent_id IS NOT NULL
          AND released_at IS NULL AND call_id IS NULL""",
    "permits still open": """
        SELECT count(*) FROM permits_permit WHERE campaign_ref = %s AND closed_at IS NULL""",
}


@contextlib.contextmanager
def drilling(house: House, folder: Path) -> Iterator[Drill]:
    """A predictive campaign with agents who never tire."""
    made = house.hand("campaign", "predictive", str(AGENTS), str(CUSTOMERS))
    with (folder / "robots.log").open("wb") as log:
        robots = subprocess.Popen(
            [sys.executable, "-m", "tests.robustness.hand", "robots"],
            env=house.environment(), cwd=REPOSITORY, stderr=log,
        )  # fmt: skip
    try:
        yield Drill(house, folder / "rang.txt", made["campaign"], made["targets"])
    finally:
        robots.kill()
        robots.wait()


def crash(house: House) -> None:
    """PostgreSQL ends as if its machine had stopped: nothing is written down, nobody is told."""
    pid = house.cluster._postmaster()
    assert pid is not None
    os.kill(pid, signal.SIGQUIT)
    house.until(lambda: not house.cluster.is_alive(), seconds=30)
    house.cluster.start()
