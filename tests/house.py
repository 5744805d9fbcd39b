"""Furrow's programs on a scratch database: started, stopped and asked, as an operator would."""

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


@dataclass
class Part:
    """One running program and where it writes its log."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def kill(self) -> None:
        """As the kernel does when memory runs out: no warning, and all its children too."""
        with contextlib.suppress(ProcessLookupError):
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
    settings: dict[str, str] = field(default_factory=dict)  # environment of every part
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
                part.kill()
        self.parts[:] = kept

    def environment(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("FURROW_", "PYTEST_"))}
        return kept | {
            "DATABASE_URL": self.cluster.url(self.database),
            "FURROW_SECRET_KEY": "scratch-house-" * 5,
            "FURROW_FILES": str(self.folder / "files"),
            "FURROW_EVENTS": "/events/",
            "PYTHONPATH": f"{REPOSITORY / 'src'}{os.pathsep}{REPOSITORY}",
            "PYTHONWARNINGS": "ignore:No directory at",  # nothing is collected in tests
            **self.settings,
        }

    def migrate(self) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "furrow.config.cli", "migrate", "--verbosity=0"],
            env=self.environment(), cwd=REPOSITORY, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr

    def program(self, module: str, *words: str) -> dict[str, Any]:
        """What `python -m module words…` prints: one JSON object."""
        done = subprocess.run(
            [sys.executable, "-m", module, *words],
            env=self.environment(), cwd=REPOSITORY, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    # -- what is there ----------------------------------------------------------------------------

    def rows(self, query: str, *params: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.cluster.url(self.database), autocommit=True) as connection:
            return connection.execute(query, params).fetchall()

    def ask(self, query: str, *params: object) -> Any:
        """The first column of the first row, or None."""
        rows = self.rows(query, *params)
        return rows[0][0] if rows else None

    def do(self, statement: str, *params: object) -> None:
        with psycopg.connect(self.cluster.url(self.database), autocommit=True) as connection:
            connection.execute(statement, params)

    def tail(self) -> str:
        return "\n".join(
            f"--- {part.name}\n" + "\n".join(part.log.read_text("utf-8").splitlines()[-12:])
            for part in self.parts
        )

    def until(self, condition: Callable[[], object], *, seconds: float) -> float:
        """Wait until `condition`; returns the seconds it took. Fails with the parts' last words."""
        began = time.monotonic()
        while True:
            with contextlib.suppress(psycopg.OperationalError, OSError):
                if condition():
                    return time.monotonic() - began
            took = time.monotonic() - began
            assert took < seconds, f"not within {seconds} s\n{self.tail()}"
            time.sleep(0.1)


@contextlib.contextmanager
def fresh_database(cluster: Cluster, name: str, *, template: str = "template1") -> Iterator[str]:
    """A database of this process's own, dropped afterwards even if the server died."""
    database = f"{name}_{os.getpid()}"
    cluster.drop_database(database)
    assert cluster.create_database(database, template=template)
    try:
        yield database
    finally:
        cluster.start()
        cluster.drop_database(database)


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port
