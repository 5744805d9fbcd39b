"""`furrow do-not-call`: import a do-not-call register from a file, plain or hashed."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

DESCRIPTION = """\
Import a do-not-call register: one number, or one SHA-256 in hex of a number, per line. Calls to
its numbers are refused as soon as it is in. Exit code 0 = imported, 1 = refused, 2 = wrong use.
"""
EPILOG = """\
example:
  furrow do-not-call tps.txt --name TPS --region GB --good-for 28
"""


def main(arguments: Sequence[str]) -> int:
    """Import one register. Returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="furrow do-not-call", description=DESCRIPTION, epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("file", type=Path, help="the register")
    parser.add_argument("--name", required=True, help="whose; the same name replaces it")
    parser.add_argument("--region", default="*", help="where it holds, as GB; * = everywhere")
    parser.add_argument("--good-for", type=int, default=None, metavar="DAYS", help="its age limit")
    parser.add_argument("--add", action="store_true", help="add to it instead of replacing it")
    chosen = parser.parse_args(arguments)

    import django

    django.setup()
    from django.conf import settings
    from django.utils import timezone

    from furrow.common.refusal import Refused
    from furrow.compliance.actions import load_register
    from furrow.organisation.actions import system_user

    try:
        with chosen.file.open(encoding="utf-8", errors="replace") as lines:
            load = load_register(
                name=chosen.name,
                region=chosen.region,
                lines=lines,
                default_region=settings.DEFAULT_REGION,
                refresh_days=chosen.good_for,
                is_whole=not chosen.add,
                by=system_user(),
                at=timezone.now(),
            )
    except (Refused, OSError) as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    sys.stdout.write(
        f"{load.listed} numbers read, {load.bad} lines are none; "
        f"{load.register.size} are listed now.\n"
    )
    return 0
