"""Furrow's programs on a scratch database: started, killed and asked, as an operator would."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from furrow.config.places import REPOSITORY
from furrow.config.postgres import Cluster

CARRIER = {"seed": 1, "speed": 5, "longest_talk_seconds": 100_000}


@dataclass
class Part:
    """One running program and where it writes its log."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def kill(self) -> None:
        """As the kernel does when memory runs out: no warning, and all its children too."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self, *, seconds: float = 15) -> int:
        """Ask politely; returns the exit code. Raises TimeoutExpired when it does not listen."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)

    @property
    def is_running(self) -> bool:
        return self.process.poll() is None


@dataclass
class House:
    """One scratch database and the parts that run on it."""

    cluster: Cluster
    database: str
    folder: Path
    parts: list[Part] = field(default_factory=list)

    # -- parts ------------------------------------------------------------------------------------

    def start(self, name: str, *words: str, **environment: str) -> Part:
        """Start `furrow <name>`; it runs until the test ends, or is killed."""
        log = self.folder / f"{name}-{len(self.parts)}.log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "furrow.config.cli", name, *words],
                env=self.environment() | environment,
                cwd=REPOSITORY,
                stdout=out,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                process_group=0,
            )
        part = Part(name, process, log)
        self.parts.append(part)
        return part

    def kill_all_but(self, kept: list[Part]) -> None:
        for part in self.parts:
            if part not in kept:
                with contextlib.suppress(ProcessLookupError):
                    part.kill()
        self.parts[:] = kept

    def environment(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("FURROW_", "PYTEST_"))}
        return kept | {
            "DATABASE_URL": self.cluster.url(self.database),
            "FURROW_SECRET_KEY": "robustness-" * 6,
            "FURROW_SIMULATED_CARRIER": json.dumps(CARRIER),
            "FURROW_EVENTS": "/events/",
            "PYTHONPATH": f"{REPOSITORY / 'src'}{os.pathsep}{REPOSITORY}",
        }

    # -- people -----------------------------------------------------------------------------------

    def hand(self, *words: str) -> dict[str, Any]:
        """Do what a person does; see hand.py."""
        done = subprocess.run(
            [sys.executable, "-m", "tests.robustness.hand", *words],
            env=self.environment(), cwd=REPOSITORY, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    # -- what is there ----------------------------------------------------------------------------

    def ask(self, query: str, *params: object) -> Any:
        """The first column of the first row, or None."""
        with psycopg.connect(self.cluster.url(self.database), autocommit=True) as connection:
            row = connection.execute(query, params).fetchone()
            return row[0] if row else None

    def do(self, statement: str, *params: object) -> None:
        with psycopg.connect(self.cluster.url(self.database), autocommit=True) as connection:
            connection.execute(statement, params)

    def state_of(self, call: int) -> str:
        return str(self.ask("SELECT state FROM calls_call WHERE id = %s", call))

    def is_beating(self) -> bool:
        query = "SELECT count(*) FROM dialer_heartbeat WHERE beat_at > now() - interval '3 s'"
        return bool(self.ask(query) == 1)

    def tail(self) -> str:
        return "\n".join(
            f"--- {part.name}\n" + "\n".join(part.log.read_text("utf-8").splitlines()[-12:])
            for part in self.parts
        )

    def until(self, condition: Callable[[], object], *, seconds: float) -> float:
        """Wait until `condition`; returns the seconds it took. Fails with the parts' last words."""
        began = time.monotonic()
        while True:
            with contextlib.suppress(psycopg.OperationalError):
                if condition():
                    return time.monotonic() - began
            took = time.monotonic() - began
            assert took < seconds, f"not within {seconds} s\n{self.tail()}"
            time.sleep(0.1)


@contextlib.contextmanager
def open_house(folder: Path) -> Iterator[House]:
    """A PostgreSQL of its own, for a test may restart it; a fresh, migrated database in it."""
    with Cluster("robust", durable=False).in_use() as cluster:
        database = f"robust_{os.getpid()}"
        assert cluster.create_database(database)
        house = House(cluster, database, folder)
        try:
            done = subprocess.run(
                [sys.executable, "-m", "furrow.config.cli", "migrate", "--verbosity=0"],
                env=house.environment(),
                cwd=REPOSITORY,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            house.hand("prepare")
            yield house
        finally:
            house.kill_all_but([])
            cluster.start()
            with psycopg.connect(cluster.url("postgres"), autocommit=True) as connection:
                connection.execute(f"DROP DATABASE {database} WITH (FORCE)")


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port
