"""A real Asterisk on the contract's bench: our SIP carrier outside, plain SIP phones for agents."""

import asyncio
import os
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from furrow.telephony.asterisk import tree
from furrow.telephony.asterisk.adapter import AsteriskTelephony
from furrow.telephony.asterisk.process import Process, free_port
from furrow.telephony.asterisk.settings import AsteriskSettings, Trunk
from furrow.telephony.sip_carrier import Call, Script, SipCarrier, tone

AGENTS = ("1001", "agent-1", "agent-2", "leader")
VOICE = tone(1000, 1.0)

# What `simulated.KNOWN_ENDINGS` do, played by a carrier in SIP.
ENDINGS = {
    "0001": Script(voice=VOICE[:1600], talk=1.0),
    "0002": Script(ring=None),
    "0003": Script(final=486),
    "0004": Script(final=404, announcement=VOICE[:1600]),
    "0005": Script(final=480, announcement=VOICE[:1600]),
    "0006": Script(final=603),
    "0007": Script(voice=VOICE, loops=True, talk=6.0),
    "0008": Script(voice=VOICE[:1600]),
    "0009": Script(final=502),
    "0010": Script(ring=0, final=503),
}


def programs() -> tree.Programs:
    """Asterisk for the tests: the system's, else unpacked once into the cache; else a skip."""
    if there := tree.Programs.of_the_system():
        return there
    cache = Path(os.environ.get("FURROW_CACHE") or Path(__file__).parents[4] / ".cache")
    try:
        return tree.install(cache / "asterisk", say=lambda _: None)
    except tree.CannotInstall as problem:
        if os.environ.get("FURROW_NEEDS_ASTERISK"):
            raise
        pytest.skip(f"no Asterisk to be had: {problem}")


@contextmanager
def running(**changes: Any) -> Iterator[Process]:
    """An Asterisk of its own, with a trunk and the agents' phones at `carrier_port`."""
    port = changes.pop("carrier_port")
    with TemporaryDirectory(prefix="furrow-asterisk-") as folder:
        settings = AsteriskSettings(
            folder=Path(folder) / "asterisk",
            recordings=Path(folder) / "recordings",
            sounds=Path(folder) / "sounds",
            trunks=(Trunk("carrier", f"127.0.0.2:{port}", **changes.pop("trunk", {})),),
            sip_address=f"127.0.0.1:{free_port(socket.SOCK_DGRAM)}",
            http_port=free_port(),
            ami_port=free_port(),
            phones=dict.fromkeys(AGENTS, f"127.0.0.2:{port}"),
            **changes,
        )
        _write_sound(settings.sounds / "sorry.wav")
        with Process(settings, programs()) as process:
            yield process


def decide(number: str) -> Script:
    """Agents' phones answer at once; a customer's by the end of the number."""
    if number in AGENTS:
        return Script(ring=0.02)
    return ENDINGS[number[-4:]]


class Outside:
    """The carrier, and what the tests let it do."""

    def __init__(self, carrier: SipCarrier, phone: AsteriskTelephony, process: Process) -> None:
        self.carrier, self.phone, self.process = carrier, phone, process
        self._tasks: list[asyncio.Task[Call]] = []

    def ring_in(self, _leg: str, caller: str, *, called: str) -> None:
        ringing = self.carrier.ring_in(called, caller, patience=2.0)
        self._tasks.append(asyncio.get_running_loop().create_task(ringing))

    def far_hang_up(self, leg: str) -> None:
        for call in list(self.carrier.calls.values()):
            if call.headers.get("x-furrow-leg") == leg or (leg[:3] == "in-" and not call.invite):
                self.carrier.hang_up(call)

    def press(self, key: str) -> None:
        """Whoever called us presses a key."""
        for call in self.carrier.calls.values():
            if not call.invite:
                self.carrier.press(call, key)

    def restart(self) -> None:
        """kill -9, and up again; the loop goes on meanwhile."""

        def again() -> None:
            self.process.kill()
            self.process.start()

        threading.Thread(target=again, daemon=True).start()


@asynccontextmanager
async def outside(**changes: Any) -> AsyncIterator[Outside]:
    carrier = await SipCarrier(changes.pop("decide", decide)).open()
    try:
        starting = running(carrier_port=carrier.port, **changes)
        process = await asyncio.to_thread(starting.__enter__)
        host, port = process.settings.sip_address.split(":")
        carrier.serve((host, int(port)))
        phone = AsteriskTelephony(process.settings)
        await phone.legs()  # connected: a call that came earlier would find nobody
        real = Outside(carrier, phone, process)
        try:
            yield real
        finally:
            await real.phone.close()
            await asyncio.to_thread(starting.__exit__, None, None, None)
    finally:
        carrier.close()


def _write_sound(file: Path) -> None:
    import wave

    from furrow.telephony.sip_carrier import from_alaw

    file.parent.mkdir(parents=True)
    with wave.open(str(file), "wb") as made:
        made.setparams((1, 2, 8000, 0, "NONE", ""))
        made.writeframes(from_alaw(tone(500, 0.4)).tobytes())
