import asyncio
import signal
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from furrow.dialer.loop import Dialer, chosen_carrier


class Command(BaseCommand):
    help = "The dialling loop and the phone lines. One leads per database; others wait."
    requires_system_checks = ()  # it serves no pages, and starts in half the time

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--drain", type=float, default=5.0, metavar="SECONDS",
            help="after SIGTERM or Ctrl-C, how long calls may go on (default: 5)",
        )  # fmt: skip

    def handle(self, *args: Any, **options: Any) -> None:
        asyncio.run(_run(options["drain"]))


async def _run(drain_seconds: float) -> None:
    dialer = Dialer(chosen_carrier(), drain_seconds=drain_seconds)
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, dialer.stop)
    # So that a drill can let a simulated switch fall; a real one falls by itself.
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR2, dialer.let_switch_fall)
    await dialer.run()
