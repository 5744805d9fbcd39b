"""`furrow manage stages`: whether the ledger of stage moves says the same as the present."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from furrow.pipeline.actions import rebuild_standings
from furrow.pipeline.queries import ledger_differs


class Command(BaseCommand):
    help = "Compare every customer's stage with the ledger of stage moves; --rebuild mends."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--rebuild", action="store_true", help="make stages anew from it")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["rebuild"]:
            self.stdout.write(f"{rebuild_standings()} made anew.")
        elif differing := ledger_differs():
            raise CommandError(f"{differing} customers stand where the ledger does not say.")
        else:
            self.stdout.write("Every customer stands where the ledger says.")
