"""The one command: `furrow <what>`. Each part is imported only when asked for."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import secrets
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from furrow.config.places import cache_folder


@dataclass(frozen=True)
class Command:
    """One word after `furrow`. The function takes the words after it, returns an exit code."""

    summary: str
    function: str  # "module:name"
    needs_database: bool = True


COMMANDS: dict[str, dict[str, Command]] = {
    "Every day": {
        "run": Command(
            "start everything on this machine, and show where to look",
            "furrow.config.supervisor:main",
            needs_database=False,  # it keeps the database running itself
        ),
        "doctor": Command(
            "say what is missing on this machine and how to get it",
            "furrow.config.doctor:main",
            needs_database=False,
        ),
        "demo": Command(
            "fill an empty database with a made-up company", "furrow.config.demo.command:main"
        ),
    },
    "Trust": {
        "audit": Command(
            "check that the audit trail is what it was: audit verify", "furrow.config.trail:main"
        ),
        "trace": Command(
            "say which export a file that turned up somewhere came from",
            "furrow.config.trail:trace",
        ),
    },
    "Lists": {
        "import": Command("turn a file into customers", "furrow.config.importing:main"),
        "do-not-call": Command(
            "import a do-not-call register, plain or hashed", "furrow.config.do_not_call:main"
        ),
        "find-duplicates": Command(
            "compare all customers and queue the pairs that may be one",
            "furrow.config.finding:main",
        ),
        "dedupe": Command(
            "find who is who in files, without a database",
            "furrow.config.dedupe:main",
            needs_database=False,
        ),
    },
    "The parts that `run` starts, one by one for production": {
        "web": Command("pages and API", "furrow.config.serve:web"),
        "events": Command("what browsers see change by itself", "furrow.config.serve:events"),
        "collect": Command("what visitors of our web sites tell us", "furrow.config.serve:collect"),
        "worker": Command("background jobs", "furrow.config.serve:worker"),
        "dialer": Command("the dialling loop and the phone lines", "furrow.config.serve:dialer"),
        "asterisk": Command(
            "a telephone switch of one's own: asterisk install, run, check",
            "furrow.config.asterisk:main",
            needs_database=False,
        ),
        "administrator": Command(
            "make the first person of a new company", "furrow.config.administrator:main"
        ),
        "migrate": Command("bring the database to this version", "furrow.config.serve:migrate"),
    },
    "Developing": {
        "simulate-pacing": Command(
            "try the dialer's pacing beside other dialers' rules, in simulated hours",
            "furrow.config.simulate_pacing:main",
            needs_database=False,
        ),
        "check": Command("look for mistakes in settings and models", "furrow.config.serve:check"),
        "messages": Command(
            "compile the Chinese translations; --check names what is missing",
            "furrow.config.serve:messages",
            needs_database=False,
        ),
        "docs": Command(
            "draw the reference pages that come from the code",
            "furrow.config.serve:docs",
            needs_database=False,
        ),
        "screenshots": Command(
            "photograph every page of a running demo",
            "furrow.config.screenshots:main",
            needs_database=False,
        ),
        "manage": Command("any other Django command", "furrow.config.serve:manage"),
    },
}

DESCRIPTION = """\
Furrow (深耕) runs the working day of a sales call centre.

Without DATABASE_URL, commands use a PostgreSQL of their own, kept in the cache folder and
running only as long as somebody needs it. All settings: docs/reference/settings.md
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    commands = {name: command for group in COMMANDS.values() for name, command in group.items()}
    parser = argparse.ArgumentParser(
        prog="furrow",
        usage="furrow [--help] <what> [...]",
        description=DESCRIPTION + "\n" + _list_of_commands(),
        epilog="furrow <what> --help says more about one of them.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("what", choices=commands, metavar="<what>", help=argparse.SUPPRESS)
    if not words:
        parser.print_help()
        return 0
    name = parser.parse_args(words[:1]).what
    command = commands[name]
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "furrow.config.settings")
    try:
        function = _find(command)
        asks_only = {"-h", "--help"} & set(words[1:])
        with contextlib.ExitStack() as stack:
            if command.needs_database and not asks_only:
                _provide_database(stack)
            _provide_secret_key()
            sys.argv = [f"furrow {name}", *words[1:]]
            return function(words[1:])
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except CannotContinue as problem:
        _tell(str(problem))
        return 1


class CannotContinue(Exception):
    """A reason to stop, told in one sentence and without a traceback."""


def _list_of_commands() -> str:
    lines = []
    for title, group in COMMANDS.items():
        lines.append(f"{title}:")
        lines += [f"  {name:16}{command.summary}" for name, command in group.items()]
        lines.append("")
    return "\n".join(lines)


def _find(command: Command) -> Callable[[list[str]], int]:
    module, _, name = command.function.partition(":")
    try:
        function: Callable[[list[str]], int] = getattr(importlib.import_module(module), name)
    except ModuleNotFoundError as missing:
        if missing.name is None or not module.startswith(missing.name):
            raise
        raise CannotContinue(f"This version of Furrow has no {module}.") from None
    return function


def _provide_database(stack: contextlib.ExitStack) -> None:
    """Unless DATABASE_URL names one, start our own and keep it as long as this command runs."""
    if os.environ.get("DATABASE_URL"):
        return
    if os.environ.get("FURROW_MODE") == "production":
        raise CannotContinue("Set DATABASE_URL: production brings its own PostgreSQL.")
    from furrow.config.postgres import CannotRunPostgres, Cluster

    try:
        cluster = stack.enter_context(Cluster("laptop").in_use())
    except CannotRunPostgres as problem:
        raise CannotContinue(str(problem)) from None
    cluster.create_database()
    os.environ["DATABASE_URL"] = cluster.url()


def _provide_secret_key() -> None:
    """On a laptop the key is kept in the cache folder, so that people stay signed in."""
    if os.environ.get("FURROW_SECRET_KEY") or os.environ.get("FURROW_MODE") == "production":
        return
    file = cache_folder() / "secret-key"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        fresh = file.with_name(f"secret-key.{os.getpid()}")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "w") as out:
            out.write(secrets.token_urlsafe(64))
        fresh.rename(file)
    os.environ["FURROW_SECRET_KEY"] = file.read_text().strip()


def _tell(text: str) -> None:
    sys.stderr.write(text + "\n")


if __name__ == "__main__":
    sys.exit(main())
