"""`furrow run`: the whole of Furrow in one terminal, stopped as a whole.

PostgreSQL, migrations, a demo company if the database is empty; then web, events, collect, worker
and dialer, and a telephone switch if one can be had (config/switch.py), each a process in a group
of its own. A part that crashes is started again. Ctrl-C
asks every part to stop, kills those that will not, and stops PostgreSQL last. Should this process
be killed, a small guard process does the same.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import importlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TextIO

from furrow.config.places import PACKAGE, cache_folder, schema_mark

GRACE_SECONDS = 12  # a part's own graceful stop takes at most ten
FIRST_PAUSE_SECONDS = 0.5  # before a crashed part is started again; doubles each time
LONGEST_PAUSE_SECONDS = 30
HEALTHY_SECONDS = 60  # a part that lived this long crashed by accident: pauses begin anew
LOOK_SECONDS = 0.2


@dataclass(frozen=True)
class Part:
    """A process to keep running."""

    name: str
    command: Sequence[str]
    colour: int = 37  # an ANSI foreground colour


def furrow_part(name: str, colour: int, *words: str) -> Part:
    return Part(name, [sys.executable, "-m", "furrow.config.cli", *(words or (name,))], colour)


PARTS = [
    furrow_part("web", 36),
    furrow_part("events", 34),
    furrow_part("collect", 94),
    furrow_part("worker", 33, "worker", "--only=quick"),
    furrow_part("imports", 32, "worker", "--only=long"),
    furrow_part("dialer", 35),
]


SWITCH = Part("asterisk", [sys.executable, "-m", "furrow.config.cli", "asterisk", "run"], 32)


def chosen_parts(environment: Mapping[str, str]) -> list[Part]:
    """The parts of this house: with a switch of its own where calls have sound."""
    has_switch = environment.get("FURROW_TELEPHONY") == "asterisk"
    return [SWITCH, *PARTS] if has_switch else PARTS


class Terminal:
    """Whole lines from many threads, each with the name of who said it."""

    def __init__(self, out: TextIO, width: int = 8) -> None:
        self._out = out
        self._width = width
        self._lock = threading.Lock()
        self._is_coloured = out.isatty() and "NO_COLOR" not in os.environ

    def say(self, name: str, line: str, colour: int = 37) -> None:
        label = f"{name:{self._width}}│"
        if self._is_coloured:
            label = f"\033[{colour}m{label}\033[0m"
        with self._lock, contextlib.suppress(OSError, ValueError):  # nobody reads any more
            self._out.write(f"{label} {line}\n")
            self._out.flush()

    def copy(self, name: str, stream: IO[str], colour: int = 37) -> None:
        """Say every line of a stream until it ends."""
        with stream:
            for line in stream:
                self.say(name, line.rstrip(), colour)


class Guard:
    """A process that outlives this one by as long as it takes to stop what was left running.

    It learns the process groups over a pipe, which the kernel closes when this process is gone.
    """

    def __init__(self) -> None:
        self._process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "furrow.config.supervisor", str(GRACE_SECONDS)],
            stdin=subprocess.PIPE,
            start_new_session=True,
            text=True,
            env={**os.environ, "PYTHONPATH": str(PACKAGE.parent)},
        )

    def watch(self, group: int) -> None:
        self._tell(f"+{group}\n")

    def forget(self, group: int) -> None:
        self._tell(f"-{group}\n")

    def dismiss(self) -> None:
        self._process.kill()
        self._process.communicate()

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None  # noqa: S101
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(line)
            self._process.stdin.flush()


def guard(stream: TextIO, grace_seconds: float) -> None:
    """The guard's whole work: remember groups, and at the end of the stream stop them."""
    groups: set[int] = set()
    for line in stream:
        group = int(line[1:])
        groups.add(group) if line.startswith("+") else groups.discard(group)
    stop_groups(groups, grace_seconds)


def stop_groups(groups: set[int], grace_seconds: float | None = None) -> None:
    """Ask each group's leader to stop, then kill what is left of the groups."""
    for group in groups:
        with contextlib.suppress(ProcessLookupError):
            os.kill(group, signal.SIGTERM)
    give_up_at = time.monotonic() + (GRACE_SECONDS if grace_seconds is None else grace_seconds)
    while any(map(_is_there, groups)) and time.monotonic() < give_up_at:
        time.sleep(LOOK_SECONDS)
    for group in groups:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)


def _is_there(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


@dataclass
class _Child:
    part: Part
    process: subprocess.Popen[str] | None = None
    reader: threading.Thread | None = None
    started_at: float = 0.0  # monotonic
    start_again_at: float = 0.0
    pause_seconds: float = field(default_factory=lambda: FIRST_PAUSE_SECONDS)


@dataclass
class Supervisor:
    """Keeps parts running until told to stop."""

    parts: Sequence[Part]
    terminal: Terminal
    environment: Mapping[str, str]
    stopping: threading.Event = field(default_factory=threading.Event)

    def run(self, *, watch: object = None) -> None:
        """Start every part, start crashed ones again, until `stopping` is set; then stop all.

        watch  called every LOOK_SECONDS, if given
        """
        children = [_Child(part) for part in self.parts]
        watcher = Guard()
        try:
            while not self.stopping.wait(LOOK_SECONDS if children[0].process else 0):
                for child in children:
                    self._keep(child, watcher)
                if callable(watch):
                    watch()
        finally:
            self._stop(children)
            watcher.dismiss()

    def _keep(self, child: _Child, watcher: Guard) -> None:
        now = time.monotonic()
        if child.process is not None:
            code = child.process.poll()
            if code is None:
                return
            stop_groups({child.process.pid}, grace_seconds=0)  # whatever it left behind
            watcher.forget(child.process.pid)
            if now - child.started_at > HEALTHY_SECONDS:
                child.pause_seconds = FIRST_PAUSE_SECONDS
            self.terminal.say(
                "furrow",
                f"{child.part.name} ended ({_reason(code)}); "
                f"starting it again in {child.pause_seconds:g} s",
                31,
            )
            child.start_again_at = now + child.pause_seconds
            child.pause_seconds = min(child.pause_seconds * 2, LONGEST_PAUSE_SECONDS)
            child.process = None
        if now >= child.start_again_at:
            self._start(child)
            assert child.process is not None  # noqa: S101
            watcher.watch(child.process.pid)

    def _start(self, child: _Child) -> None:
        child.process = subprocess.Popen(  # noqa: S603
            child.part.command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            env=dict(self.environment),
            start_new_session=True,  # Ctrl-C reaches us alone; we stop the parts in order
        )
        child.started_at = time.monotonic()
        child.reader = threading.Thread(
            target=self.terminal.copy,
            args=(child.part.name, child.process.stdout, child.part.colour),
            daemon=True,
        )
        child.reader.start()

    def _stop(self, children: Sequence[_Child]) -> None:
        running = {child.process.pid: child for child in children if child.process}
        waiters = []
        for child in running.values():
            assert child.process is not None  # noqa: S101
            # Somebody must reap it, or its group would seem alive.
            waiters.append(threading.Thread(target=child.process.wait, daemon=True))
            waiters[-1].start()
        stop_groups(set(running))
        for waiter in waiters:
            waiter.join(timeout=5)
        for child in children:
            if child.reader is not None:
                child.reader.join(timeout=2)


def _reason(code: int) -> str:
    if code < 0:
        with contextlib.suppress(ValueError):
            return f"killed by {signal.Signals(-code).name}"
    return f"exit code {code}"


# -- furrow run ------------------------------------------------------------------------------------


class CannotRun(Exception):
    """Told to the person in one sentence."""


def main(words: list[str]) -> int:
    """`furrow run`."""
    began = time.monotonic()
    from furrow.config.serve import web_port
    from furrow.config.switch import Chooser

    parser = argparse.ArgumentParser(prog="furrow run", description=__doc__)
    parser.add_argument("--port", type=int, default=web_port(), help="events use the next one")
    parser.add_argument("--no-demo", action="store_true", help="leave an empty database empty")
    chosen = parser.parse_args(words)
    terminal = Terminal(sys.stdout)
    stopping = _stop_on_signals()
    try:
        for port in (chosen.port, chosen.port + 1, chosen.port + 2):
            ensure_free(port)
        with _database(terminal) as database:
            environment = _environment(chosen.port)
            chooser = Chooser(environment)
            database.prepare(environment, with_demo=not chosen.no_demo, stopping=stopping)
            if not stopping.is_set():
                calls = chooser.choose()
                environment["FURROW_TELEPHONY"] = calls.telephony
                terminal.say("furrow", calls.told)
                supervisor = Supervisor(chosen_parts(environment), terminal, environment, stopping)
                threading.Thread(
                    target=_greet,
                    args=(terminal, chosen.port, began, stopping, calls.told),
                    daemon=True,
                ).start()
                supervisor.run(watch=database.heal)
    except CannotRun as problem:
        terminal.say("furrow", str(problem), 31)
        return 1
    terminal.say("furrow", "Everything is stopped.", 32)
    return 0


def _stop_on_signals() -> threading.Event:
    stopping = threading.Event()

    def stop(_number: int, _frame: object) -> None:
        stopping.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    return stopping


def ensure_free(port: int, host: str = "127.0.0.1") -> None:
    """Raises CannotRun if somebody listens on the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            raise CannotRun(
                f"Port {port} is in use, perhaps by another Furrow. Stop that, or choose another: "
                f"FURROW_PORT={port + 10} make run"
            ) from None


def _environment(port: int) -> dict[str, str]:
    return {
        "FURROW_LOG": "text",
        "FURROW_FILES": str(cache_folder() / "files"),
        # On a laptop nobody calls by themselves: of those we miss, some call back.
        "FURROW_SIMULATED_CARRIER": '{"calls_back": 0.2}',
        **os.environ,
        "FURROW_PORT": str(port),
        "FURROW_EVENTS": f"port:{port + 1}/events/",
        "FURROW_CAPTURE": f"http://127.0.0.1:{port + 2}/",
        "PYTHONUNBUFFERED": "1",
        # Static files come straight from the sources here; nothing was collected.
        "PYTHONWARNINGS": "ignore:No directory at",
        "PYTHONPATH": str(PACKAGE.parent),
    }


@contextlib.contextmanager
def _database(terminal: Terminal) -> Iterator[_Database]:
    if os.environ.get("DATABASE_URL"):
        yield _Database(terminal)
        return
    from furrow.config.postgres import CannotRunPostgres, Cluster

    try:
        with Cluster("laptop").in_use() as cluster, _alone(cluster.folder / "run.lock"):
            is_new = cluster.create_database()
            os.environ["DATABASE_URL"] = cluster.url()
            terminal.say("furrow", f"PostgreSQL {cluster.version} runs, in {cluster.folder}")
            marks = cluster.folder
            if is_new:
                for mark in marks.glob("*.done"):
                    mark.unlink()
            yield _Database(terminal, marks, cluster)
    except CannotRunPostgres as problem:
        raise CannotRun(str(problem)) from None


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold a lock while running; the kernel drops it however the process ends."""
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CannotRun(
                f"Another furrow run uses the data in {path.parent}. Stop it, or give this one "
                "data of its own: FURROW_CACHE=/some/folder make run"
            ) from None
        yield


class _Database:
    """What must be in the database before the parts start."""

    def __init__(
        self, terminal: Terminal, marks: Path | None = None, cluster: object = None
    ) -> None:
        self._terminal = terminal
        self._marks = marks  # a folder that lives and dies with the database, if it is ours
        self._cluster = cluster

    def prepare(
        self, environment: Mapping[str, str], *, with_demo: bool, stopping: threading.Event
    ) -> None:
        """Migrate and fill, each only if it was not done. Raises CannotRun."""
        from furrow.config.messages import compile_catalogue

        compile_catalogue()
        self._once("migrate", ["migrate", "--verbosity=0"], schema_mark(), environment, stopping)
        if with_demo:
            self._once("demo", ["demo", "--if-empty"], "1", environment, stopping)

    def heal(self) -> None:
        """Start our own server again if it died."""
        from furrow.config.postgres import CannotRunPostgres, Cluster

        if not isinstance(self._cluster, Cluster) or self._cluster.is_alive():
            return
        self._terminal.say("furrow", "PostgreSQL ended; starting it again", 31)
        try:
            self._cluster.start()
        except CannotRunPostgres as problem:
            raise CannotRun(str(problem)) from None

    def _once(
        self, name: str, words: list[str], version: str, environment: Mapping[str, str],
        stopping: threading.Event,
    ) -> None:  # fmt: skip
        mark = self._marks / f"{name}.done" if self._marks else None
        if stopping.is_set() or (mark and mark.exists() and mark.read_text() == version):
            return
        began = time.monotonic()
        self._terminal.say("furrow", f"furrow {' '.join(words)} …")
        child = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "furrow.config.cli", *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=dict(environment),
            start_new_session=True,
        )
        assert child.stdout is not None  # noqa: S101
        watcher = Guard()
        watcher.watch(child.pid)
        reader = threading.Thread(
            target=self._terminal.copy, args=(name, child.stdout), daemon=True
        )
        reader.start()
        while child.poll() is None:
            if stopping.wait(LOOK_SECONDS / 2):
                child.terminate()
                child.wait()
        reader.join(timeout=5)
        watcher.dismiss()
        if stopping.is_set():
            return
        if child.returncode != 0:
            raise CannotRun(f"furrow {' '.join(words)} failed ({_reason(child.returncode)}).")
        self._terminal.say("furrow", f"… done in {time.monotonic() - began:.0f} s")
        if mark:
            mark.write_text(version)


def _greet(
    terminal: Terminal, port: int, began: float, stopping: threading.Event, calls: str
) -> None:
    address = f"http://127.0.0.1:{port}"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while not stopping.wait(0.1):
        try:
            with opener.open(f"{address}/readyz", timeout=5) as answer:
                if answer.status == 200:
                    break
        except (urllib.error.URLError, OSError):
            continue
    else:
        return
    lines = ["", f"Furrow is ready at {address} after {time.monotonic() - began:.0f} s."]
    lines += [f"    {line}" for line in _sign_ins()]
    lines += [calls]
    lines += ["Ctrl-C stops everything.", ""]
    for line in lines:
        terminal.say("furrow", line, 32)


def _sign_ins() -> list[str]:
    try:
        demo = importlib.import_module("furrow.config.demo")
    except ModuleNotFoundError:
        return []
    return [str(line) for line in getattr(demo, "SIGN_INS", [])]


if __name__ == "__main__":
    guard(sys.stdin, grace_seconds=float(sys.argv[1]))
