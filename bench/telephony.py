"""Calls through a real Asterisk on loopback: how soon both hear each other, how many a second, and
two hundred recorded ones at once. `make bench-telephony`; prints machine, date and load.

The far end of the first two is our SIP provider; of the third a second Asterisk, since one Python
process cannot send twenty thousand packets a second.
"""

import argparse
import asyncio
import os
import platform
import statistics
import time
import wave
from array import array
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from furrow.telephony.asterisk import configuration
from furrow.telephony.asterisk.adapter import AsteriskTelephony
from furrow.telephony.asterisk.process import Process, free_port
from furrow.telephony.asterisk.settings import AsteriskSettings, Trunk
from furrow.telephony.port import AgentLineUp, Answered, Ended, Event, RecordingDone
from furrow.telephony.sip_carrier import Script, tone
from furrow.telephony.tests.bench_asterisk import AGENTS, outside, programs

OURS = "+864000000000"


class Watch:
    """Every event, with the moment it came."""

    def __init__(self, phone: AsteriskTelephony) -> None:
        self.seen: dict[tuple[type[Event], str], list[Event]] = {}
        self.ends: Counter[str] = Counter()
        self._phone = phone
        self._task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for event in self._phone.events():
            leg = getattr(event, "leg", "")
            self.seen.setdefault((type(event), leg), []).append(event)
            self.ends[leg] += isinstance(event, Ended)

    async def until(self, kind: type[Event], leg: str, seconds: float = 30) -> None:
        async with asyncio.timeout(seconds):
            while (kind, leg) not in self.seen:
                await asyncio.sleep(0.001)


async def how_soon(calls: int) -> None:
    """From the customer's 200 OK to the first loud frame either side hears."""

    def decide(number: str) -> Script:
        hertz = 440 if number in AGENTS else 1000
        return Script(ring=0.05, voice=tone(hertz, 1.0), loops=True)

    customer_hears, agent_hears = [], []
    async with outside(decide=decide) as real:
        watch = Watch(real.phone)
        await real.phone.line_up("agent", "1001")
        await watch.until(AgentLineUp, "agent")
        agent = next(c for c in real.carrier.calls.values() if c.number == "1001")
        for n in range(calls):
            leg = f"call-{n}"
            agent.first_heard_at = 0.0
            await real.phone.dial(leg, "+8613000000008", caller_id=OURS, timeout_seconds=10)
            await watch.until(Answered, leg)
            await real.phone.connect("agent", leg)
            call = [c for c in real.carrier.calls.values() if c.number[-4:] == "0008"][-1]
            async with asyncio.timeout(10):
                while not (call.first_heard_at and agent.first_heard_at):
                    await asyncio.sleep(0.001)
            customer_hears.append(1000 * (call.first_heard_at - call.answered_at))
            agent_hears.append(1000 * (agent.first_heard_at - call.answered_at))
            await real.phone.hang_up(leg)
            await watch.until(Ended, leg)
            await asyncio.sleep(0.05)
    both = [max(pair) for pair in zip(customer_hears, agent_hears, strict=True)]
    for name, found in (
        ("customer hears agent", customer_hears),
        ("agent hears customer", agent_hears),
        ("both hear each other", both),
    ):
        say(f"{name:22}  p50 {p(found, 50):5.0f} ms   p95 {p(found, 95):5.0f} ms   ({calls} calls)")


async def how_many(per_second: int, seconds: int) -> None:
    """Set-ups a second, each with exactly one end. Half are busy, half are answered and end."""

    def decide(number: str) -> Script:
        return Script(final=486, ring=0.02) if int(number[-1]) % 2 else Script(ring=0.02, talk=0.2)

    async with outside(decide=decide) as real:
        watch = Watch(real.phone)
        legs = [f"call-{n}" for n in range(per_second * seconds)]
        began = time.monotonic()
        tasks, slow = [], []

        async def dial(n: int, leg: str) -> None:
            asked = time.monotonic()
            await real.phone.dial(leg, f"+8613{n:09}", caller_id=OURS, timeout_seconds=20)
            slow.append(1000 * (time.monotonic() - asked))

        for n, leg in enumerate(legs):
            tasks.append(asyncio.create_task(dial(n, leg)))
            await asyncio.sleep(max(0.0, began + n / per_second - time.monotonic()))
        took = time.monotonic() - began
        await asyncio.gather(*tasks)
        with_end = 0
        deadline = time.monotonic() + 30
        while with_end < len(legs) and time.monotonic() < deadline:
            await asyncio.sleep(0.2)
            with_end = sum(watch.ends[leg] > 0 for leg in legs)
        outcomes = Counter(
            watch.seen[(Ended, leg)][0].outcome.value  # type: ignore[union-attr]
            for leg in legs
            if (Ended, leg) in watch.seen
        )
        twice = sum(watch.ends[leg] > 1 for leg in legs)
        say(
            f"set-ups: {len(legs)} in {took:.1f} s = {len(legs) / took:.0f}/s; dial answered p95"
            f" {p(slow, 95):.0f} ms; ends {with_end}, twice {twice}, missing"
            f" {len(legs) - with_end}; {dict(outcomes)}"
        )


async def how_many_at_once(calls: int, seconds: int) -> None:
    """Two-leg calls, recorded, against a second Asterisk that sends a tone on every line."""
    with TemporaryDirectory(prefix="furrow-bench-") as folder:
        far = await asyncio.to_thread(_far_end, Path(folder) / "far")
        near = AsteriskSettings(
            folder=Path(folder) / "near",
            recordings=Path(folder) / "recordings",
            sounds=Path(folder) / "sounds",
            trunks=(Trunk("far", far.settings.sip_address),),
            sip_address=f"127.0.0.1:{free_port()}",
            http_port=free_port(),
            ami_port=free_port(),
            phones={f"agent{n}": far.settings.sip_address for n in range(calls)},
        )
        process = Process(near, programs())
        await asyncio.to_thread(process.start)
        phone = AsteriskTelephony(near)
        try:
            await _talk(phone, near, calls, seconds)
        finally:
            await phone.close()
            process.stop()
            far.stop()


async def _talk(phone: AsteriskTelephony, near: AsteriskSettings, calls: int, seconds: int) -> None:
    watch = Watch(phone)
    for n in range(calls):
        await phone.line_up(f"agent-{n}", f"agent{n}")
        await phone.dial(f"call-{n}", f"+8613{n:09}", caller_id=OURS, timeout_seconds=20)
        await watch.until(Answered, f"call-{n}")
        await watch.until(AgentLineUp, f"agent-{n}")
        await phone.record(f"call-{n}", f"call-{n}")
        await phone.connect(f"agent-{n}", f"call-{n}")
    await asyncio.sleep(seconds)
    lost_legs = 2 * calls - len(await phone.legs())
    lost_packets = received = 0
    for leg in await phone.legs():
        told = await phone._ari.get(f"/channels/{leg}_/rtp_statistics")
        lost_packets += told["rxploss"]
        received += told["rxcount"]
    for n in range(calls):
        await phone.hang_up(f"call-{n}")
    for n in range(calls):
        await watch.until(RecordingDone, f"call-{n}", seconds=60)
    lengths, silent = [], 0
    for n in range(calls):
        with wave.open(str(near.recordings / f"call-{n}.wav")) as sound:
            lengths.append(sound.getnframes() / 8000)
            samples = array("h", sound.readframes(sound.getnframes()))
        quiet = [max(map(abs, samples[side::16]), default=0) < 1000 for side in (0, 1)]
        silent += any(quiet)
    say(
        f"at once: {calls} recorded two-leg calls for {seconds} s; lost legs {lost_legs}; silent"
        f" recordings {silent}; shorter than {seconds} s {sum(each < seconds for each in lengths)}"
        f" (shortest {min(lengths):.1f} s); RTP lost {lost_packets} of {received} packets"
    )


def _far_end(folder: Path) -> Process:
    """An Asterisk that answers whoever calls, and hums."""
    settings = AsteriskSettings(
        folder=folder,
        recordings=folder / "recordings",
        sounds=folder / "sounds",
        sip_address=f"127.0.0.2:{free_port()}",
        http_port=free_port(),
        ami_port=free_port(),
        rtp=(30000, 39999),
        trunks=(Trunk("near", "127.0.0.1:5999"),),
    )
    process = Process(settings, programs())
    written = configuration.write

    def write(*words: object, **more: object) -> Path:
        made = written(*words, **more)  # type: ignore[arg-type]
        etc = folder / "etc"
        with (etc / "modules.conf").open("a") as modules:
            modules.write("load=app_milliwatt.so\n")
        (etc / "extensions.conf").write_text(
            "[from-trunk]\nexten => _[+0-9a-z].,1,Answer()\n same => n,Milliwatt()\n"
        )
        return made

    configuration.write = write  # type: ignore[assignment]
    try:
        return process.start()
    finally:
        configuration.write = written


def p(values: list[float], percent: int) -> float:
    return statistics.quantiles(values, n=100)[percent - 1]


def say(text: str) -> None:
    print(text, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=40, help="calls whose first sound is timed")
    parser.add_argument("--rate", type=int, default=100, help="set-ups a second")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--at-once", type=int, default=200)
    asked = parser.parse_args()
    now = datetime.now(UTC)
    machine = f"{platform.machine()} {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    versions = f"Python {platform.python_version()}, Asterisk {programs().version}"
    say(f"{now:%Y-%m-%d %H:%M} UTC; {machine}; {versions}")
    if asked.calls:
        asyncio.run(how_soon(asked.calls))
    if asked.rate:
        asyncio.run(how_many(asked.rate, asked.seconds))
    if asked.at_once:
        asyncio.run(how_many_at_once(asked.at_once, 20))


if __name__ == "__main__":
    main()
