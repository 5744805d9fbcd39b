"""Record what a real Asterisk says, for the replays of test_replay.py.

    python -m furrow.telephony.tests.record_events

One line per command of ours or event of Asterisk's, in the order they happened; of each event only
what the adapter looks at. Numbers are those of the bench's carrier: they belong to nobody.
"""

import asyncio
import json
from pathlib import Path
from typing import Any

from furrow.telephony.asterisk.adapter import AsteriskTelephony
from furrow.telephony.port import Answered, Ended, Event, Inbound
from furrow.telephony.tests.bench_asterisk import outside

FILE = Path(__file__).parent / "recorded" / "day.jsonl"
OURS = "+864000000000"
# What becomes of each leg, by the end of its number; see `simulated.KNOWN_ENDINGS`.
DIALLED = {
    "call-1": "0001", "call-2": "0002", "call-3": "0003", "call-4": "0004", "call-5": "0005",
    "call-6": "0006", "call-8": "0008", "call-9": "0009", "call-10": "0010", "call-11": "0002",
}  # fmt: skip
_CHANNEL = ("id", "name", "state")


def _kept(event: dict[str, Any]) -> dict[str, Any] | None:
    """The event as far as the adapter looks at it; None if it does not."""
    if not hasattr(AsteriskTelephony, f"_on_{event['type']}"):
        return None
    kept: dict[str, Any] = {
        key: event[key]
        for key in ("type", "args", "dialstatus", "cause", "tech_cause", "digit", "endpoint")
        if key in event
    }
    for key in ("channel", "peer"):
        if key in event:
            kept[key] = {name: event[key][name] for name in _CHANNEL}
            kept[key]["caller"] = {"number": event[key]["caller"]["number"]}
            kept[key]["dialplan"] = {"exten": event[key]["dialplan"]["exten"]}
    if "playback" in event:
        kept["playback"] = {key: event["playback"][key] for key in ("id", "state", "media_uri")}
    return kept


async def _record() -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = []
    async with outside() as real:
        phone, heard = real.phone, real.phone._heard

        def hear(event: dict[str, Any]) -> None:
            if (kept := _kept(event)) is not None:
                lines.append({"event": kept})
            heard(event)

        phone._ari._heard = hear
        seen: list[Event] = []

        async def read() -> None:
            async for event in phone.events():
                seen.append(event)

        reading = asyncio.create_task(read())

        async def until(kind: type[Event], leg: str = "") -> Event:
            async with asyncio.timeout(60):
                while True:
                    for event in seen:
                        if isinstance(event, kind) and leg in ("", getattr(event, "leg", "")):
                            return event
                    await asyncio.sleep(0.005)

        def note(command: str, leg: str, **given: str) -> None:
            lines.append({"do": command, "leg": leg, **given})

        note("line_up", "seat-1-1", agent="1001")
        await phone.line_up("seat-1-1", "1001")
        await until(Answered, "seat-1-1")
        for leg, ending in DIALLED.items():
            number = f"+86130000{ending}"
            note("dial", leg, number=number)
            await phone.dial(leg, number, caller_id=OURS, timeout_seconds=2)
        await until(Answered, "call-8")
        for leg in ("call-8", "call-11"):
            note("hang_up", leg)
            await phone.hang_up(leg)
        for leg in DIALLED:
            await until(Ended, leg)
        real.ring_in("", "+861300000001", called=OURS)
        first = await until(Inbound)
        note("answer", first.leg)  # type: ignore[union-attr]
        await phone.answer(first.leg)  # type: ignore[union-attr]
        real.press("9")
        await asyncio.sleep(0.3)
        real.far_hang_up(first.leg)  # type: ignore[union-attr]
        await until(Ended, first.leg)  # type: ignore[union-attr]
        real.far_hang_up("seat-1-1")
        await until(Ended, "seat-1-1")
        reading.cancel()
    return lines


if __name__ == "__main__":
    lines = asyncio.run(_record())
    text = "\n".join(json.dumps(line, separators=(",", ":")) for line in lines) + "\n"
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(text, encoding="utf-8")
