"""`furrow audit`: is the trail what it was?"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from time import monotonic

DESCRIPTION = """\
Walk the audit trail's chain of hashes and compare every event with what was sealed. Tells the first
broken place. Write the head down outside this machine, and give it next time with --expect: so a
chain that was made anew as a whole shows, too. Changes nothing.
Exit code 0 = whole, 1 = broken.
"""


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="furrow audit", description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("what", choices=["verify"])
    parser.add_argument("--expect", default="", metavar="NUMBER:HASH", help="a head noted earlier")
    chosen = parser.parse_args(arguments)
    if chosen.expect and not chosen.expect.partition(":")[0].isdecimal():
        parser.error("--expect wants NUMBER:HASH, as this command prints it")

    import django

    django.setup()
    from furrow.audit.queries import verify_chain

    began = monotonic()
    verdict = verify_chain(expect=chosen.expect)
    said = f"{verdict.links} links, {verdict.sealed} events, {monotonic() - began:.1f} s"
    if verdict.broken is not None:
        broken = verdict.broken
        link = f"link {broken.link}" if broken.link is not None else "outside all links"
        event = f", event {broken.event}" if broken.event is not None else ""
        sys.stdout.write(f"BROKEN at {link}{event}: it {broken.what}. Whole before: {said}.\n")
        return 1
    sys.stdout.write(f"Whole: {said}; {verdict.unsealed} newest not sealed yet.\n")
    sys.stdout.write(f"Head: {verdict.head or 'none yet'}\n")
    return 0


def trace(arguments: Sequence[str]) -> int:
    """`furrow trace FILE`: who took it away, when, and who approved."""
    parser = argparse.ArgumentParser(
        prog="furrow trace",
        description="Read the marks in a text file, seen and hidden, and say which exports they are"
        " of. Exit code 0 = found, 1 = no mark of ours.",
    )
    parser.add_argument("file", type=argparse.FileType("r", encoding="utf-8", errors="replace"))
    chosen = parser.parse_args(arguments)

    import django

    django.setup()
    from django.utils import timezone

    from furrow.exports.queries import trace as exports_in

    with chosen.file as file:
        exports = exports_in(file.read())
    for export in exports:
        ready = timezone.localtime(export.ready_at or export.asked_at)
        sys.stdout.write(
            f"{export.seen_mark}: {export.rows} rows of {export.kind}, taken by"
            f" {export.asked_by.username}, written {ready:%Y-%m-%d %H:%M}, approved by"
            f" {export.decided_by.username if export.decided_by else 'nobody'};"
            f" for: {export.reason}\n"
        )
    if not exports:
        sys.stdout.write("No mark of ours is in this file.\n")
    return 0 if exports else 1
