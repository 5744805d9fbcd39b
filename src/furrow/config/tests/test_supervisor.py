"""Real processes: started, crashed, started again, stopped, orphaned."""

from __future__ import annotations

import io
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from furrow.config import supervisor
from furrow.config.places import PACKAGE
from furrow.config.postgres import Cluster
from furrow.config.supervisor import CannotRun, Part, Supervisor, Terminal, ensure_free
from furrow.config.tests.make import open_folder

STUBBORN = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen(["sleep", "600"])
print("here", os.getpid(), child.pid, flush=True)
time.sleep(600)
"""
POLITE = """
import os, signal, sys, time
def leave(*_):
    print("goodbye", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, leave)
print("here", os.getpid(), flush=True)
time.sleep(600)
"""
CRASHING = "import os; print('here', os.getpid(), flush=True); os._exit(3)"
SUPERVISING = """
import os, sys
from furrow.config import supervisor
from furrow.config.supervisor import Part, Supervisor, Terminal
supervisor.GRACE_SECONDS = 1
Supervisor([Part("part", [sys.executable, "-c", {part!r}])], Terminal(sys.stdout), os.environ).run()
"""


def part(name: str, program: str) -> Part:
    return Part(name, [sys.executable, "-c", program])


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until(condition: Callable[[], bool], seconds: float = 20) -> None:
    give_up_at = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up_at, "it did not happen"
        time.sleep(0.02)


class Running:
    """A supervisor in a thread, and what it said so far."""

    def __init__(self, *parts: Part) -> None:
        self._out = io.StringIO()
        self.supervisor = Supervisor(parts, Terminal(self._out), os.environ)
        self._thread = threading.Thread(target=self.supervisor.run)
        self._thread.start()

    def lines(self, name: str) -> list[str]:
        lines = [line.split("│ ") for line in self._out.getvalue().splitlines()]
        return [line[1] for line in lines if line[0].strip() == name]

    def pids(self, name: str) -> list[int]:
        return [int(pid) for line in self.lines(name) if "here" in line for pid in line.split()[1:]]

    def stop(self) -> None:
        self.supervisor.stopping.set()
        self._thread.join(timeout=30)
        assert not self._thread.is_alive()


@pytest.fixture
def running() -> Iterator[Callable[..., Running]]:
    started: list[Running] = []

    def start(*parts: Part) -> Running:
        started.append(Running(*parts))
        return started[-1]

    yield start
    for one in started:
        one.stop()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "GRACE_SECONDS", 1)
    monkeypatch.setattr(supervisor, "FIRST_PAUSE_SECONDS", 0.05)


def test_parts_run_together_and_stop_together(running: Callable[..., Running]) -> None:
    both = running(part("one", POLITE), part("two", POLITE))
    wait_until(lambda: len(both.pids("one") + both.pids("two")) == 2)

    both.stop()

    assert both.lines("one")[-1] == both.lines("two")[-1] == "goodbye"
    assert not any(map(is_running, both.pids("one") + both.pids("two")))


def test_a_part_that_will_not_stop_is_killed_with_its_children(
    running: Callable[..., Running],
) -> None:
    one = running(part("one", STUBBORN))
    wait_until(lambda: len(one.pids("one")) == 2)

    one.stop()

    wait_until(lambda: not any(map(is_running, one.pids("one"))))


def test_a_crashed_part_starts_again_ever_more_slowly(running: Callable[..., Running]) -> None:
    one = running(part("one", CRASHING), part("two", POLITE))

    wait_until(lambda: len(one.pids("one")) >= 3)

    assert len(one.pids("two")) == 1, "the others are left alone"
    said = [line for line in one.lines("furrow") if "exit code 3" in line]
    assert "in 0.05 s" in said[0]
    assert "in 0.1 s" in said[1]


def test_a_killed_part_starts_again(running: Callable[..., Running]) -> None:
    one = running(part("one", POLITE))
    wait_until(lambda: len(one.pids("one")) == 1)

    os.kill(one.pids("one")[0], signal.SIGKILL)

    wait_until(lambda: len(one.pids("one")) == 2)
    assert any("SIGKILL" in line for line in one.lines("furrow"))


@pytest.mark.parametrize("program", [POLITE, STUBBORN])
def test_a_killed_supervisor_leaves_nothing_behind(
    program: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", SUPERVISING.format(part=program)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(PACKAGE.parent)},
    )
    assert parent.stdout is not None
    pids = [int(word) for word in parent.stdout.readline().split("here")[1].split()]
    assert all(map(is_running, pids))

    parent.kill()
    parent.communicate()

    wait_until(lambda: not any(map(is_running, pids)))


def test_a_port_in_use_is_said_plainly() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(CannotRun, match="in use"):
            ensure_free(taken.getsockname()[1])


def test_lines_of_many_parts_stay_whole() -> None:
    out = io.StringIO()
    terminal = Terminal(out)
    threads = [
        threading.Thread(target=terminal.copy, args=(name, io.StringIO(f"{name * 50}\n" * 50)))
        for name in "abcd"
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted({len(line) for line in out.getvalue().splitlines()}) == [60]


def test_a_second_run_on_the_same_data_is_refused(tmp_path: Path) -> None:
    lock = tmp_path / "run.lock"
    with (
        supervisor._alone(lock),
        pytest.raises(CannotRun, match="Another furrow run"),
        supervisor._alone(lock),
    ):
        pass
    with supervisor._alone(lock):
        pass


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    with open_folder() as folder:
        monkeypatch.setenv("FURROW_CACHE", str(folder))
        with Cluster("heals", durable=False).in_use() as cluster:
            yield cluster


def test_a_postgresql_that_died_is_started_again(cluster: Cluster) -> None:
    out = io.StringIO()
    database = supervisor._Database(Terminal(out), cluster=cluster)
    database.heal()
    assert out.getvalue() == "", "a healthy server is left alone"

    pid = int((cluster.folder / "data" / "postmaster.pid").read_text().split()[0])
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not cluster.is_alive())
    database.heal()

    assert cluster.is_answering()
    assert "starting it again" in out.getvalue()
