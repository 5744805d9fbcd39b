"""Which telephone system `furrow run` uses: Asterisk when it can be had, else the simulated one.

Looked for beside everything else that a first start does, and never a reason to fail: whatever is
wrong with Asterisk, calls are simulated, and the person is told why.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass

from furrow.config import asterisk
from furrow.config.places import switch_folder
from furrow.telephony.asterisk import tree
from furrow.telephony.asterisk.process import AsteriskDied, Process, addresses
from furrow.telephony.asterisk.settings import DEMO_TRUNK, AsteriskSettings

LONGEST_WAIT_SECONDS = 40.0  # for the programs, once everything else is ready
STARTS_WITHIN_SECONDS = 15.0


@dataclass(frozen=True)
class Choice:
    """What FURROW_TELEPHONY shall be, and what the person is told."""

    telephony: str
    told: str


class Chooser:
    """Looks for a switch in a thread of its own, from its making on."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._found: Choice | None = None
        self._looking = threading.Thread(target=self._look, daemon=True)
        self._looking.start()

    def choose(self, *, seconds: float = LONGEST_WAIT_SECONDS) -> Choice:
        """The answer, waited for no longer than so many seconds."""
        self._looking.join(seconds)
        return self._found or _simulated("Asterisk is still being fetched; the next start uses it")

    def _look(self) -> None:
        try:
            self._found = choice(self._environment)
        except Exception as problem:  # a first start never fails because of Asterisk
            self._found = _simulated(str(problem))


def choice(environment: Mapping[str, str]) -> Choice:
    """Fetch Asterisk if there is none, and try whether it starts here; about 30 s the first
    time, 2 s from then on."""
    if named := environment.get("FURROW_TELEPHONY"):
        return Choice(named, f"Calls: FURROW_TELEPHONY={named}.")
    try:
        if not addresses():
            return _simulated("this machine has no address by which a browser could hear it")
        settings = AsteriskSettings.from_environment(environment, switch_folder())
        if taken := _taken(settings):
            return _simulated(f"{taken} is in use, perhaps by another switch")
        programs = asterisk.chosen_programs() or tree.install(asterisk.folder(), say=lambda _: None)
        Process(settings, programs).start(timeout_seconds=STARTS_WITHIN_SECONDS).stop()
    except (tree.CannotInstall, AsteriskDied, TimeoutError, ValueError, OSError) as problem:
        return _simulated(str(problem).strip().partition("\n")[0])
    who = "a made-up provider on this machine" if settings.is_made_up else "your trunk"
    return Choice(
        "asterisk",
        f"Calls have sound: Asterisk {programs.version} and {who}. The headset at the top of the"
        " desk opens the phone; without it calls go, silently.",
    )


def _simulated(why: str) -> Choice:
    return Choice("simulated", f"Calls are simulated, without sound ({why}).")


def _taken(settings: AsteriskSettings) -> str:
    """The first of its ports that somebody has; "" when all are free."""
    places = [
        (socket.SOCK_STREAM, "127.0.0.1", settings.http_port),
        (socket.SOCK_STREAM, "127.0.0.1", settings.ami_port),
    ]
    udp = [settings.sip_address, *([DEMO_TRUNK.address] if settings.is_made_up else [])]
    for address in udp:
        host, _colon, port = address.rpartition(":")
        places.append((socket.SOCK_DGRAM, host, int(port)))
    for kind, host, number in places:
        with socket.socket(socket.AF_INET, kind) as probe:
            if kind is socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, number))
            except OSError:
                return f"port {number}"
    return ""
