"""A real Asterisk for a scratch house, with our own provider and phones outside."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from furrow.telephony.asterisk.process import Process, free_port
from furrow.telephony.asterisk.settings import AsteriskSettings, Trunk
from furrow.telephony.sip_carrier import Call, Script, SipCarrier
from furrow.telephony.tests.bench_asterisk import programs

R = TypeVar("R")


@dataclass
class Switch:
    """The switch and the world around it. `environment` lets a dialer find it."""

    process: Process
    carrier: SipCarrier
    environment: dict[str, str]
    _loop: asyncio.AbstractEventLoop

    def outside(self, work: Coroutine[Any, Any, R]) -> R:
        """Run something in the carrier's loop, and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def ring_in(self, called: str, caller: str, *, patience: float = 60) -> Call:
        return self.outside(self.carrier.ring_in(called, caller, patience=patience))

    def hang_up(self, call: Call) -> None:
        self._loop.call_soon_threadsafe(self.carrier.hang_up, call)

    def fall(self) -> None:
        """kill -9, and up again as its keeper would do."""
        self.process.kill()
        self.process.start()


@contextlib.contextmanager
def real_switch(
    folder: Path, *, phones: Sequence[str] = (), decide: Callable[[str], Script]
) -> Iterator[Switch]:
    """An Asterisk with a trunk to our carrier. `phones` are agents' fixed phones there too."""
    found = programs()
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    carrier = asyncio.run_coroutine_threadsafe(_open(decide), loop).result(30)
    trunk = {"name": "carrier", "address": f"127.0.0.2:{carrier.port}"}
    settings = AsteriskSettings(
        folder=folder / "switch",
        recordings=folder / "switch" / "recordings",
        sounds=folder / "switch" / "sounds",
        trunks=(Trunk(**trunk),),
        sip_address=f"127.0.0.1:{free_port(socket.SOCK_DGRAM)}",
        http_port=free_port(),
        ami_port=free_port(),
        phones=dict.fromkeys(phones, f"127.0.0.2:{carrier.port}"),
    )
    environment = {
        "FURROW_TELEPHONY": "asterisk",
        "FURROW_SWITCH_FOLDER": str(settings.folder),
        "FURROW_SIP_ADDRESS": settings.sip_address,
        "FURROW_ASTERISK_PORT": str(settings.http_port),
        "FURROW_AMI_PORT": str(settings.ami_port),
        "FURROW_ASTERISK_SECRET": settings.secret,
        "FURROW_TRUNKS": json.dumps([trunk]),
    }
    try:
        with Process(settings, found) as process:
            host, port = settings.sip_address.split(":")
            carrier.serve((host, int(port)))
            yield Switch(process, carrier, environment, loop)
    finally:
        loop.call_soon_threadsafe(carrier.close)
        loop.call_soon_threadsafe(loop.stop)


async def _open(decide: Callable[[str], Script]) -> SipCarrier:
    return await SipCarrier(decide).open()
