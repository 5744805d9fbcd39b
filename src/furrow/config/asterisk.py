"""`furrow asterisk install|run|check`: a telephone switch of one's own, without root."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
import time
from pathlib import Path

from furrow.config.places import cache_folder, switch_folder
from furrow.telephony.asterisk import tree
from furrow.telephony.asterisk.process import AsteriskDied, Process, is_ready
from furrow.telephony.asterisk.settings import DEMO_TRUNK, AsteriskSettings
from furrow.telephony.simulated import CarrierSettings
from furrow.telephony.sip_carrier import SipCarrier, audible

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.2, 10.0  # between a crash and the next start
SHORTEST_LIFE_SECONDS = 30.0  # one that lived longer crashed by accident: pauses begin anew


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="furrow asterisk",
        description="Asterisk for Furrow: fetched, set up, and kept running, by any user.",
    )
    parser.add_argument("what", choices=["install", "run", "check"])
    what = parser.parse_args(words).what
    try:
        return {"install": install, "run": run, "check": check}[what]()
    except (tree.CannotInstall, AsteriskDied, TimeoutError, ValueError) as problem:
        _tell(problem)
        return 1


def install() -> int:
    """Unpack Asterisk into the cache folder unless the system has one that is new enough."""
    if there := tree.Programs.of_the_system():
        _tell(f"The system's own Asterisk {there.version} will do.")
        return 0
    began = time.monotonic()
    made = tree.install(folder())
    took = time.monotonic() - began
    mark = tree.fingerprint(folder())[:16]
    _tell(f"Asterisk {made.version} is ready ({took:.0f} s; fingerprint {mark}).")
    return 0


def check() -> int:
    """Say whether the switch answers."""
    settings = chosen_settings()
    is_up = is_ready(settings)
    _tell(f"Asterisk at {settings.http} {'answers' if is_up else 'does not answer'}.")
    return 0 if is_up else 1


def run() -> int:
    """Keep Asterisk running until stopped; without a trunk, keep a made-up provider beside it."""
    programs = chosen_programs()
    if programs is None:
        _tell("There is no Asterisk here. First: furrow asterisk install")
        return 1
    return asyncio.run(_keep_running(Process(chosen_settings(), programs)))


async def _keep_running(process: Process) -> int:
    stopping = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stopping.set)
    carrier = None
    if process.settings.trunks == (DEMO_TRUNK,):
        host, port = DEMO_TRUNK.address.split(":")
        carrier = await SipCarrier(audible(_world()), host=host, port=int(port)).open()
        _tell("No trunk is set up: calls reach a made-up provider on this machine.")
    pause = FIRST_PAUSE_SECONDS
    try:
        while not stopping.is_set():
            began = time.monotonic()
            await asyncio.to_thread(process.start)
            _tell(f"Asterisk answers at {process.settings.http}.")
            ended = asyncio.create_task(asyncio.to_thread(process.wait))
            asked = asyncio.create_task(stopping.wait())
            await asyncio.wait({ended, asked}, return_when=asyncio.FIRST_COMPLETED)
            if stopping.is_set():
                await asyncio.to_thread(process.stop)
                await ended
                break
            asked.cancel()
            if time.monotonic() - began > SHORTEST_LIFE_SECONDS:
                pause = FIRST_PAUSE_SECONDS
            _tell("Asterisk has died; it is started again.")
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
    finally:
        process.stop()
        if carrier:
            carrier.close()
    return 0


def _world() -> CarrierSettings:
    """What the made-up provider plays: the simulated carrier's world."""
    given = json.loads(os.environ.get("FURROW_SIMULATED_CARRIER", "{}"))
    given.pop("speed", None)  # sound has but one
    return CarrierSettings.from_mapping(given)


def folder() -> Path:
    """Where the programs are kept."""
    return cache_folder() / "asterisk"


def chosen_programs() -> tree.Programs | None:
    """The system's Asterisk if it is new enough, else the one in the cache, if there is one."""
    return tree.Programs.of_the_system() or tree.Programs.unpacked(folder())


def chosen_settings() -> AsteriskSettings:
    """The switch as the environment describes it. Raises ValueError naming the variable."""
    return AsteriskSettings.from_environment(os.environ, switch_folder())


def _tell(text: object) -> None:
    """A line in a log, or for whoever typed the command."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
