"""`furrow find-duplicates`: all customers compared with those like them, from a terminal."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from time import monotonic
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from furrow.linkage.models import Run

DESCRIPTION = """\
Compare every customer with those of the same name or address. What may be one customer waits on
the Duplicates page; nobody is asked twice. Interrupted, the next call goes on where it stopped.
Exit code 0 = done, 1 = stopped by somebody.
"""


def main(arguments: Sequence[str]) -> int:
    """Work a run to its end, a new one unless one is under way. Returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="furrow find-duplicates", description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument(
        "--join-certain", action="store_true",
        help="join pairs beyond doubt at once, except the customers of two owners",
    )  # fmt: skip
    chosen = parser.parse_args(arguments)

    import django

    django.setup()
    from django.utils import timezone

    from furrow.linkage.actions import start_run, take_step
    from furrow.linkage.queries import last_run
    from furrow.linkage.rules import RunState
    from furrow.organisation.actions import system_user

    run = last_run()
    if run is None or run.state != RunState.WORKING:
        by = system_user()
        run = start_run(joins_certain=chosen.join_certain, by=by, at=timezone.now())
    began = monotonic()
    # A worker that takes the same run meanwhile takes turns with us.
    while take_step(run_id=run.pk, at=timezone.now()):
        run.refresh_from_db()
        _progress(run, sys.stderr)
    run.refresh_from_db()
    sys.stdout.write(
        f"{run.customers} customers, {run.found} pairs found, {run.joined} joined by rule,"
        f" {monotonic() - began:.0f} s\n"
    )
    return 0 if run.state == RunState.DONE else 1


def _progress(run: Run, out: TextIO) -> None:
    if out.isatty():
        out.write(f"\r\x1b[K{run.block}: {run.walked} compared, {run.found} pairs")
        out.flush()
