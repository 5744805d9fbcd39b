"""The long-running parts, each in a process of its own, and Django's commands under our name."""

from __future__ import annotations

import argparse
import os
import sys

from furrow.config.cli import CannotContinue

HOST = "127.0.0.1"
PORT = 8000


def _address(words: list[str], *, prog: str, summary: str, port: int) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=prog, description=summary)
    parser.add_argument("--host", default=os.environ.get("FURROW_HOST", HOST))
    parser.add_argument("--port", type=int, default=port)
    parser.add_argument(
        "--processes", type=int, default=1, help="each has 8 threads and a pool of connections"
    )
    return parser.parse_args(words)


def web_port() -> int:
    """FURROW_PORT, 8000 unless set; events listen on the next one."""
    text = os.environ.get("FURROW_PORT", str(PORT))
    if not text.isdigit() or not 0 < int(text) < 65535:
        raise CannotContinue(f"FURROW_PORT must be a port number, not {text!r}.")
    return int(text)


def web(words: list[str]) -> int:
    """Pages and API, under WSGI."""
    chosen = _address(words, prog="furrow web", summary=web.__doc__ or "", port=web_port())
    from granian import Granian
    from granian.constants import Interfaces
    from granian.log import LogLevels

    Granian(
        "furrow.config.wsgi:application",
        address=chosen.host,
        port=chosen.port,
        interface=Interfaces.WSGI,
        workers=chosen.processes,
        blocking_threads=8,
        backpressure=64,
        respawn_failed_workers=True,
        workers_kill_timeout=8,
        log_level=LogLevels.error,
        log_access=False,
        websockets=False,
    ).serve()
    return 0


def events(words: list[str]) -> int:
    """What browsers see change by itself: server-sent events, under ASGI, one process."""
    chosen = _address(
        words, prog="furrow events", summary=events.__doc__ or "", port=web_port() + 1
    )
    import uvicorn

    uvicorn.run(
        "furrow.config.asgi:application",
        host=chosen.host,
        port=chosen.port,
        log_config=None,
        log_level="warning",
        access_log=False,
        lifespan="on",
        timeout_graceful_shutdown=2,
        timeout_keep_alive=30,
    )
    return 0


def collect(words: list[str]) -> int:
    """What the snippet on our web sites tells: stored before it is answered, under ASGI."""
    chosen = _address(
        words, prog="furrow collect", summary=collect.__doc__ or "", port=web_port() + 2
    )
    from granian import Granian
    from granian.constants import Interfaces
    from granian.log import LogLevels

    Granian(
        "furrow.config.collecting:application",
        address=chosen.host,
        port=chosen.port,
        interface=Interfaces.ASGI,
        workers=chosen.processes,
        backlog=4096,
        backpressure=4096,  # hits wait for a COPY together
        respawn_failed_workers=True,
        workers_kill_timeout=8,
        log_level=LogLevels.error,
        log_access=False,
        websockets=False,
    ).serve()
    return 0


def worker(words: list[str]) -> int:
    """Background jobs; finished ones are removed. Waiting ones are looked for every second."""
    parser = argparse.ArgumentParser(prog="furrow worker", description=worker.__doc__)
    parser.add_argument(
        "--only", choices=("quick", "long"),
        help="quick: all but lists and walks over all customers; long: these. Default: all",
    )  # fmt: skip
    chosen = parser.parse_args(words)
    queues = [f"--queues={','.join(_queues(chosen.only))}"] if chosen.only else []
    return _django(
        "procrastinate", "worker", "--concurrency=4", "--fetch-job-polling-interval=1",
        "--delete-jobs=successful", "--shutdown-graceful-timeout=8", *queues,
    )  # fmt: skip


def _queues(which: str) -> list[str]:
    import django

    django.setup()
    from procrastinate.contrib.django import app

    from furrow.common.tasks import LONG

    quick = {task.queue for task in app.tasks.values()} - LONG
    return sorted(LONG if which == "long" else quick)


def dialer(words: list[str]) -> int:
    """The dialling loop and the phone lines."""
    return _django("run_dialer", *words)


def migrate(words: list[str]) -> int:
    """Bring the database to this version."""
    return _django("migrate", *words)


def check(words: list[str]) -> int:
    """Look for mistakes in settings and models; more strictly in production."""
    strict = ["--deploy"] if os.environ.get("FURROW_MODE") == "production" else []
    return _django("check", *strict, *words)


def manage(words: list[str]) -> int:
    """Any Django command."""
    return _django(*words)


def messages(words: list[str]) -> int:
    """Compile the Chinese translations."""
    parser = argparse.ArgumentParser(prog="furrow messages", description=messages.__doc__)
    parser.add_argument("--check", action="store_true", help="name what is missing or superfluous")
    chosen = parser.parse_args(words)
    from furrow.config.messages import check as check_messages
    from furrow.config.messages import compile_catalogue

    compile_catalogue()
    problems = check_messages() if chosen.check else []
    for problem in problems:
        sys.stderr.write(problem + "\n")
    return 1 if problems else 0


def docs(words: list[str]) -> int:
    """Draw the reference pages that come from the code."""
    argparse.ArgumentParser(prog="furrow docs", description=docs.__doc__).parse_args(words)
    import django

    django.setup()
    from furrow.config.docs import draw

    draw()
    return 0


def _django(*words: str) -> int:
    from django.core.management import execute_from_command_line

    execute_from_command_line(["furrow manage", *words])
    return 0
