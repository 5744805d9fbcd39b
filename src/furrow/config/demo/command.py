"""`furrow demo`: fill an empty database with the demo company."""

import argparse
import sys
import time


def main(argv: list[str]) -> int:
    """Exit code 0 when made (or there was one), 1 when the database holds a company already."""
    parser = argparse.ArgumentParser(
        prog="furrow demo",
        description="Make the demo company: 38 people in 4 teams, 20,000 invented customers with "
        "numbers nobody has, six weeks of calls. Needs an empty, migrated database.",
    )
    parser.add_argument("--if-empty", action="store_true", help="do nothing if there are people")
    parser.add_argument("--seed", type=int, default=2026, help="same seed, same company")
    parser.add_argument("--customers", type=int, default=20_000)
    arguments = parser.parse_args(argv)

    import django

    django.setup()
    from django.conf import settings
    from django.utils import timezone

    from furrow.common.jobs import enqueue
    from furrow.organisation.models import User

    from .actions import Size, make_demo_company

    if settings.PRODUCTION:
        sys.stderr.write("A demo company does not belong into FURROW_MODE=production.\n")
        return 1
    if User.objects.exists():
        if arguments.if_empty:
            return 0
        sys.stderr.write("There are people in this database already; a demo needs an empty one.\n")
        return 1
    began = time.monotonic()
    sys.stdout.write("Making the demo company …\n")
    sys.stdout.flush()
    make_demo_company(
        at=timezone.now(), seed=arguments.seed, size=Size(customers=arguments.customers)
    )
    enqueue("learning.now", queueing_lock="learning.now")
    sys.stdout.write(f"Demo company made in {time.monotonic() - began:.0f} s.\n")
    return 0
