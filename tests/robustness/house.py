"""The scratch house of these tests: what they ask of it beside what `tests.house` can."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from furrow.config.postgres import Cluster
from tests import house
from tests.house import free_port, fresh_database

__all__ = ["House", "free_port", "open_house"]

# Which number is drawn depends on the order of the tests, so that no draw may be an extreme one:
# everybody answers after about 2 s and talks, if not for ever, for about 8 s of real time.
CARRIER = {
    "seed": 1,
    "speed": 5,
    "ring": {"median_seconds": 9, "sigma": 0.2},
    "talk": [[1.0, {"median_seconds": 40, "sigma": 0.2}]],
    "longest_talk_seconds": 100_000,
}


@dataclass
class House(house.House):
    def hand(self, *words: str) -> dict[str, Any]:
        """Do what a person does; see hand.py."""
        return self.program("tests.robustness.hand", *words)

    def state_of(self, call: int) -> str:
        return str(self.ask("SELECT state FROM calls_call WHERE id = %s", call))

    def is_beating(self) -> bool:
        query = "SELECT count(*) FROM dialer_heartbeat WHERE beat_at > now() - interval '3 s'"
        return bool(self.ask(query) == 1)


@contextlib.contextmanager
def open_house(folder: Path) -> Iterator[House]:
    """A PostgreSQL of its own, for a test may restart it; a fresh, migrated database in it."""
    settings = {"FURROW_SIMULATED_CARRIER": json.dumps(CARRIER)}
    with (
        Cluster("robust", durable=False).in_use() as cluster,
        fresh_database(cluster, "robust") as database,
    ):
        opened = House(cluster, database, folder, settings)
        # What PostgreSQL said was stored survives its crash, as in a real house; only for the disk
        # nobody waits, as the machine itself does not die here.
        opened.do(f'ALTER DATABASE "{database}" SET synchronous_commit = on')
        try:
            opened.migrate()
            opened.hand("prepare")
            yield opened
        finally:
            opened.kill_all_but([])
