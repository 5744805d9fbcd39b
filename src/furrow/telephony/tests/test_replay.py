"""A recorded day of a real Asterisk, replayed with what a bad day adds.

Facts told twice, facts that overtake each other, and facts that a lost connection swallowed.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from furrow.telephony.asterisk import journal
from furrow.telephony.asterisk.adapter import AsteriskTelephony
from furrow.telephony.asterisk.settings import AsteriskSettings, Trunk
from furrow.telephony.outcomes import LineOutcome
from furrow.telephony.port import (
    AgentLineUp,
    Answered,
    EarlyMedia,
    Ended,
    Event,
    Inbound,
    KeyPressed,
    RecordingDone,
    Ringing,
    SwitchRestarted,
)

Line = dict[str, Any]
DAY: list[Line] = [
    json.loads(line)
    for line in (Path(__file__).parent / "recorded" / "day.jsonl").read_text().splitlines()
]
TRUE = {
    "call-1": LineOutcome.ANSWERED,
    "call-2": LineOutcome.NO_ANSWER,
    "call-3": LineOutcome.BUSY,
    "call-4": LineOutcome.EMPTY_NUMBER,
    "call-5": LineOutcome.SWITCHED_OFF,
    "call-6": LineOutcome.REFUSED,
    "call-8": LineOutcome.ANSWERED,
    "call-9": LineOutcome.OUT_OF_SERVICE,
    "call-10": LineOutcome.CARRIER_FAULT,
    "call-11": LineOutcome.CANCELLED,
}
# What is said of a leg that stood on when the connection came back, and whose last words but one
# were lost: nothing that blames the number.
UNSURE = (LineOutcome.CARRIER_FAULT, LineOutcome.NO_ANSWER)


@dataclass
class Switch:
    """Asterisk's side of the REST interface: it obeys, and knows which channels stand."""

    channels: dict[str, Line] = field(default_factory=dict)
    is_connected: asyncio.Event = field(default_factory=asyncio.Event)

    async def open(self) -> None:
        self.is_connected.set()

    async def close(self) -> None:
        pass

    async def get(self, path: str, **_: object) -> Any:
        match path:
            case "/asterisk/info":
                return {"status": {"startup_time": "today"}}
            case "/channels":
                return list(self.channels.values())
        return []

    async def ask(self, _method: str, _path: str, _params: object) -> Any:
        return None

    async def post(self, *_: object, **__: object) -> Any:
        return None

    put = delete = post

    def saw(self, event: Line) -> None:
        """What the event says of the channels that stand, whether or not anybody hears it."""
        channel = event.get("channel") or event.get("peer") or {}
        if event["type"] == "ChannelDestroyed":
            self.channels.pop(channel["id"], None)
        elif "id" in channel:
            self.channels[channel["id"]] = channel


async def _replay(day: Sequence[Line], folder: Path, *, lost: range = range(0)) -> list[Event]:
    """What the adapter tells of a day. The events `lost` happen while it is cut off."""
    phone = AsteriskTelephony(
        AsteriskSettings(
            folder=folder,
            recordings=folder,
            sounds=folder,
            trunks=(Trunk("carrier", "127.0.0.2:5060"),),
        )
    )
    switch = Switch()
    phone._ari = switch  # type: ignore[assignment]
    await phone._came_up()
    for n, line in enumerate(day):
        if event := line.get("event"):
            switch.saw(event)
            if n not in lost:
                phone._heard(event)
        else:
            await _do(phone, line)
        if lost and n == lost[-1]:
            await phone._came_up()
    await phone._came_up()
    await phone.close()
    return [event async for event in phone.events()]


async def _do(phone: AsteriskTelephony, line: Line) -> None:
    leg = line["leg"]
    match line["do"]:
        case "line_up":
            await phone.line_up(leg, line["agent"])
        case "dial":
            await phone.dial(leg, line["number"], caller_id="+864000000000", timeout_seconds=2)
        case "hang_up":
            await phone.hang_up(leg)
        case "answer" if leg in phone._legs:  # else its arrival was lost, and so is the call
            await phone.answer(leg)


def _told(day: Sequence[Line], folder: Path, **given: Any) -> list[Event]:
    return asyncio.run(_replay(day, folder, **given))


def _check_promises(events: Sequence[Event]) -> dict[str, Ended]:
    """What port.py promises of every leg, whatever the switch said. Returns the ends."""
    by_leg: dict[str, list[Event]] = {}
    for event in events:
        if not isinstance(event, SwitchRestarted):
            by_leg.setdefault(event.leg, []).append(event)
    ends = {}
    for leg, told in by_leg.items():
        kinds = Counter(type(event) for event in told)
        assert kinds[Ended] == 1, (leg, told)
        assert kinds[Answered] <= 1
        assert kinds[AgentLineUp] <= 1
        assert kinds[Inbound] <= 1
        order = [type(event) for event in told if not isinstance(event, RecordingDone)]
        assert order[-1] is Ended
        if Answered in order:
            rung = [n for n, kind in enumerate(order) if kind in (Ringing, EarlyMedia)]
            assert all(n < order.index(Answered) for n in rung)
        ends[leg] = next(event for event in told if isinstance(event, Ended))
        if Answered in order:
            assert ends[leg].outcome in {LineOutcome.ANSWERED, LineOutcome.MACHINE}
    return ends


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("replay")


def test_the_day_as_it_was(folder: Path) -> None:
    events = _told(DAY, folder)

    ends = _check_promises(events)
    assert {leg: ends[leg].outcome for leg in TRUE} == TRUE
    caller = next(event.leg for event in events if isinstance(event, Inbound))
    assert ends[caller].outcome is LineOutcome.ANSWERED
    assert [e.key for e in events if isinstance(e, KeyPressed)] == ["9"]
    assert ends.keys() == TRUE.keys() | {caller, "seat-1-1"}


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_facts_told_twice_are_told_on_once(folder: Path, data: st.DataObject) -> None:
    """Asterisk tells a ChannelDestroyed twice to whoever subscribed twice; others may come late
    again. A key that is pressed twice was pressed twice."""
    day: list[Line] = []
    for line in DAY:
        again = line.get("event", {}).get("type") not in (None, "ChannelDtmfReceived")
        day += [line] * (2 if again and data.draw(st.booleans()) else 1)

    ends = _check_promises(_told(day, folder))
    assert {leg: ends[leg].outcome for leg in TRUE} == TRUE


@given(st.lists(st.integers(0, len(DAY) - 2), max_size=30))
@settings(max_examples=60, deadline=None)
def test_facts_that_overtake_each_other_break_no_promise(folder: Path, swaps: list[int]) -> None:
    day = list(DAY)
    for n in swaps:
        first, second = day[n], day[n + 1]
        if "event" in first and "event" in second:
            day[n], day[n + 1] = second, first

    ends = _check_promises(_told(day, folder))
    assert TRUE.keys() <= ends.keys()


@given(st.integers(0, len(DAY) - 1), st.integers(1, len(DAY)))
@settings(max_examples=100, deadline=None)
def test_what_a_lost_connection_swallowed_ends_all_the_same(
    folder: Path, first: int, many: int
) -> None:
    """Without a journal nobody knows how; never twice, never not at all, and an answer that was
    heard stays an answer."""
    lost = range(first, min(first + many, len(DAY)))

    ends = _check_promises(_told(DAY, folder, lost=lost))
    assert TRUE.keys() <= ends.keys()
    for leg, outcome in TRUE.items():
        assert ends[leg].outcome in {outcome, LineOutcome.INTERRUPTED, *UNSURE}


@given(st.integers(0, len(DAY) - 1), st.integers(1, len(DAY)))
@settings(max_examples=30, deadline=None)
def test_the_journal_knows_what_a_lost_connection_swallowed(first: int, many: int) -> None:
    """The same, with the journal that Asterisk writes beside: then the way of the end is known."""
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as name:
        file = Path(name) / "log" / "cel-custom" / "journal.csv"
        file.parent.mkdir(parents=True)
        file.write_text("".join(_rows()), encoding="utf-8")
        lost = range(first, min(first + many, len(DAY)))
        ends = _check_promises(_told(DAY, Path(name), lost=lost))

    answered = {leg for leg, outcome in TRUE.items() if outcome is LineOutcome.ANSWERED}
    for leg in answered & ends.keys():
        assert ends[leg].outcome is LineOutcome.ANSWERED
    for leg in ("call-3", "call-4", "call-6"):
        assert ends[leg].outcome in {TRUE[leg], *UNSURE}


def _rows() -> list[str]:
    """The journal of the day: Q.850 causes as Asterisk writes them."""
    causes = {
        "call-1": 16, "call-2": 19, "call-3": 17, "call-4": 1, "call-5": 19, "call-6": 21,
        "call-8": 16, "call-9": 27, "call-10": 34, "call-11": 16,
    }  # fmt: skip
    by_far = {"call-1", "call-3", "call-4", "call-5", "call-6", "call-9", "call-10"}
    rows = []
    for leg, cause in causes.items():
        start = f'2026-03-02 12:00:00.000000","{journal.channel_of(leg)}","","s"'
        if TRUE[leg] is LineOutcome.ANSWERED:
            rows.append(f'"ANSWER","{start},""\n')
        extra = json.dumps({"hangupcause": cause, "hangupsource": "far" if leg in by_far else ""})
        quoted = extra.replace('"', '""')
        rows.append(f'"HANGUP","{start},"{quoted}"\n')
    return rows
