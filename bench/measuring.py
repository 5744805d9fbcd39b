"""What every bench shares: a PostgreSQL of its own, the machine in a line, figures in a table."""

from __future__ import annotations

import contextlib
import os
import platform
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from furrow.config.places import PACKAGE
from furrow.config.postgres import Cluster


@contextlib.contextmanager
def database(name: str, *, keep: bool) -> Iterator[bool]:
    """The cluster "bench" with Django pointed at a database of that name, its tables made.

    keep  whether it may be there already, and stays until another of its kind is wanted (the
          name up to "_"); one that a bench did not finish making is dropped

    Yields whether the database is new.
    """
    with Cluster("bench", durable=False).in_use() as cluster:
        kind = name.split("_")[0] + "_"
        for old in cluster.databases():
            if (old != name and old.startswith(kind)) if keep else old == name:
                cluster.drop_database(old)
        is_new = cluster.create_database(name)
        try:
            os.environ["DATABASE_URL"] = cluster.url(name)
            set_up_django()
            if is_new:
                from django.core.management import call_command

                call_command("migrate", verbosity=0)
            yield is_new
        except BaseException:
            keep = keep and not is_new
            raise
        finally:
            if not keep:
                cluster.drop_database(name)


def set_up_django() -> None:
    """Settings as on a laptop, whatever the shell says."""
    for name in [name for name in os.environ if name.startswith("FURROW_")]:
        if name != "FURROW_CACHE":
            del os.environ[name]
    os.environ["FURROW_SECRET_KEY"] = "only-the-benches-use-this-key-it-protects-nothing-at-all"
    os.environ["FURROW_API_RATE"] = "1000000"
    os.environ["FURROW_LOG_LEVEL"] = "WARNING"
    os.environ["DJANGO_SETTINGS_MODULE"] = "furrow.config.settings"
    import django

    django.setup()


@contextlib.contextmanager
def running(part: str) -> Iterator[tuple[int, int]]:
    """`furrow web` or `furrow events` as it runs everywhere; yields its port and process id once
    it answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    process = subprocess.Popen(
        [sys.executable, "-m", "furrow.config.cli", part, "--port", str(port)],
        env={**os.environ, "PYTHONPATH": str(PACKAGE.parent)},
    )
    try:
        give_up_at = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > give_up_at:
                    raise SystemExit(f"furrow {part} does not start") from None
                time.sleep(0.1)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(timeout=30)


def session_of(user: object) -> str:
    """The cookie of somebody signed in."""
    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.sessions.backends.db import SessionStore

    from furrow.organisation.models import User

    assert isinstance(user, User)
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[-1]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    return f"{settings.SESSION_COOKIE_NAME}={session.session_key}"


def processor_seconds(*roots: int) -> float:
    """What these processes and all below them have used of the processors until now. Unlike the
    clock it hardly depends on what else the machine does. Resolution: 10 ms."""
    parents, used = {}, {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it ended while we looked
            fields = stat.read_text().rsplit(")", 1)[1].split()
            parents[int(stat.parent.name)] = int(fields[1])
            used[int(stat.parent.name)] = int(fields[11]) + int(fields[12])
    below = set(roots)
    while more := {pid for pid, parent in parents.items() if parent in below} - below:
        below |= more
    return sum(used.get(pid, 0) for pid in below) / os.sysconf("SC_CLK_TCK")


def postgres_server() -> int:
    """The process id of the server Django talks to, on this machine."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        backend = Path(f"/proc/{cursor.fetchone()[0]}/stat").read_text()
    return int(backend.rsplit(")", 1)[1].split()[1])


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of the values (0 to 1, not empty) do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-int(share * 1000) * len(ordered) // 1000) - 1)]


def machine() -> str:
    """Where and when this is measured, and how busy the machine is: one Markdown line."""
    info = Path("/proc/cpuinfo")
    names = [line.split(":")[1] for line in _lines(info) if line.startswith("model name")]
    model = names[0].strip() if names else platform.processor()
    memory = next((int(line.split()[1]) for line in _lines(Path("/proc/meminfo"))), 0)
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC · {model}, {os.cpu_count()} cores, "
        f"{memory // 2**20} GB · {platform.system()}, Python {platform.python_version()} · "
        f"load {load} (1, 5, 15 min)"
    )


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def tell(line: str = "") -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def tell_table(
    title: str, head: Sequence[str], rows: Iterable[Sequence[object]]
) -> list[Sequence[object]]:
    """A Markdown table under a title and the machine's line, ready for the documentation; each
    row as it comes. Returns the rows."""
    tell(f"\n### {title}\n\n{machine()}\n")
    tell(f"| {' | '.join(head)} |")
    tell("|---" + "|--:" * (len(head) - 1) + "|")
    told = []
    for row in rows:
        tell(f"| {' | '.join(map(str, row))} |")
        told.append(row)
    tell()
    return told
