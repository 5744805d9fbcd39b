"""What only a real switch can show: sound both ways, each row of the outcome table, crashes."""

import asyncio
import contextlib
import wave
from array import array
from cmath import exp, pi
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

import pytest

from furrow.telephony.asterisk import adapter, journal
from furrow.telephony.asterisk.adapter import AsteriskTelephony, finish_recording
from furrow.telephony.asterisk.process import Process
from furrow.telephony.outcomes import LineOutcome
from furrow.telephony.port import (
    AgentLineUp,
    Answered,
    EarlyMedia,
    Ended,
    EndedBy,
    Event,
    RecordingDone,
    Ringing,
    Supervision,
    SwitchRestarted,
)
from furrow.telephony.sip_carrier import Script, from_alaw, tone
from furrow.telephony.tests.bench_asterisk import AGENTS, Outside, outside, programs

pytestmark = [pytest.mark.asterisk, pytest.mark.slow]

CUSTOMER, AGENT = 1000, 440  # Hz
SIP_TABLE = {
    400: LineOutcome.CARRIER_FAULT,
    401: LineOutcome.CARRIER_FAULT,
    403: LineOutcome.REFUSED,
    404: LineOutcome.EMPTY_NUMBER,
    407: LineOutcome.CARRIER_FAULT,
    408: LineOutcome.CARRIER_FAULT,
    410: LineOutcome.EMPTY_NUMBER,
    480: LineOutcome.SWITCHED_OFF,
    483: LineOutcome.CARRIER_FAULT,
    484: LineOutcome.EMPTY_NUMBER,
    485: LineOutcome.EMPTY_NUMBER,
    486: LineOutcome.BUSY,
    488: LineOutcome.CARRIER_FAULT,
    500: LineOutcome.CARRIER_FAULT,
    501: LineOutcome.CARRIER_FAULT,
    502: LineOutcome.OUT_OF_SERVICE,
    503: LineOutcome.CARRIER_FAULT,
    504: LineOutcome.CARRIER_FAULT,
    580: LineOutcome.CARRIER_FAULT,
    600: LineOutcome.BUSY,
    603: LineOutcome.REFUSED,
    604: LineOutcome.EMPTY_NUMBER,
    606: LineOutcome.CARRIER_FAULT,
    607: LineOutcome.REFUSED,
    # Nonsense that a carrier may say: the trunk's trouble, never the number's.
    405: LineOutcome.CARRIER_FAULT,
    413: LineOutcome.CARRIER_FAULT,
    420: LineOutcome.CARRIER_FAULT,
    421: LineOutcome.CARRIER_FAULT,
    423: LineOutcome.CARRIER_FAULT,
    481: LineOutcome.CARRIER_FAULT,
    491: LineOutcome.CARRIER_FAULT,
}


class Watch:
    """The events of one switch, waited for by what they say."""

    def __init__(self, real: Outside) -> None:
        self.real = real
        self.seen: list[Event] = []
        self._task = asyncio.get_running_loop().create_task(self._read())

    async def _read(self) -> None:
        async for event in self.real.phone.events():
            self.seen.append(event)

    async def until(self, wanted: Callable[[Event], bool], *, seconds: float = 20) -> Event:
        async with asyncio.timeout(seconds):
            while True:
                for event in self.seen:
                    if wanted(event):
                        return event
                await asyncio.sleep(0.002)

    async def of(self, kind: type[Event], leg: str) -> Event:
        return await self.until(lambda e: isinstance(e, kind) and getattr(e, "leg", "") == leg)

    async def ended(self, leg: str) -> Ended:
        event = await self.of(Ended, leg)
        assert isinstance(event, Ended)
        return event


def on_the_line(scenario: Callable[[Watch], Awaitable[None]], **changes: object) -> None:
    async def run() -> None:
        async with outside(**changes) as real:
            await scenario(Watch(real))

    asyncio.run(run())


def talking(number: str) -> Script:
    """Agents say 440 Hz, customers 1000 Hz, until somebody hangs up; they draw breath, as people
    do: who never does is a machine."""
    hertz = AGENT if number in AGENTS else CUSTOMER
    return Script(ring=0.02, voice=tone(hertz, 1.4) + b"\xd5" * 6800, loops=True)


def loudness(samples: "array[int]", hertz: int) -> float:
    """The amplitude of one frequency, 0 to 1 of full scale, where it is loud.

    One bin of a Fourier sum per window: a frame late or lost turns the phase in one of them.
    """
    step = 2 * pi * hertz / 8000
    windows = [samples[at : at + 800] for at in range(0, len(samples) - 799, 800)]
    return _upper_third(
        2 * abs(sum(each * exp(-1j * step * i) for i, each in enumerate(window))) / (800 * 32768)
        for window in windows
    )


def _upper_third(values: Iterable[float]) -> float:
    """What is reached in a third of all windows: whoever talks also draws breath."""
    ordered = sorted(values)
    return ordered[len(ordered) * 2 // 3] if ordered else 0.0


def both_sides(file: Path) -> tuple["array[int]", "array[int]"]:
    with wave.open(str(file), "rb") as recording:
        assert recording.getnchannels() == 2
        samples = array("h", recording.readframes(recording.getnframes()))
    return samples[0::2], samples[1::2]


async def connected(watch: Watch, call: str = "call-1") -> None:
    phone = watch.real.phone
    await phone.line_up("agent-1", "1001")
    await watch.of(AgentLineUp, "agent-1")
    await phone.dial(call, "+8613000000008", caller_id="+864000000000", timeout_seconds=20)
    await watch.of(Answered, call)
    await phone.record(call, call)
    await phone.connect("agent-1", call)


def test_both_hear_each_other_and_the_recording_keeps_them_apart() -> None:
    async def scenario(watch: Watch) -> None:
        await connected(watch)
        await asyncio.sleep(2)  # two seconds of talk
        customer = next(c for c in watch.real.carrier.calls.values() if c.number[-4:] == "0008")
        heard = from_alaw(bytes(customer.heard))
        assert loudness(heard, AGENT) > 0.2
        assert loudness(heard, CUSTOMER) < 0.02
        await watch.real.phone.hang_up("call-1")
        done = await watch.of(RecordingDone, "call-1")
        assert isinstance(done, RecordingDone)
        assert done.file is not None
        assert 1.5 < done.seconds < 4
        says, hears = both_sides(done.file)
        assert loudness(says, CUSTOMER) > 0.2
        assert loudness(says, AGENT) < 0.02
        assert loudness(hears, AGENT) > 0.2
        assert loudness(hears, CUSTOMER) < 0.02

    on_the_line(scenario, decide=talking)


def test_what_is_said_while_the_recording_pauses_is_not_in_it() -> None:
    async def scenario(watch: Watch) -> None:
        await connected(watch)
        await watch.real.phone.pause_recording("call-1")
        await asyncio.sleep(1.5)  # a card number
        await watch.real.phone.hang_up("call-1")
        done = await watch.of(RecordingDone, "call-1")
        assert isinstance(done, RecordingDone)
        assert done.file is not None
        says, hears = both_sides(done.file)
        assert max(map(abs, says[-8000:]), default=0) < 100
        assert max(map(abs, hears[-8000:]), default=0) < 100

    on_the_line(scenario, decide=talking)


def test_held_customers_hear_music_and_not_the_agent() -> None:
    async def scenario(watch: Watch) -> None:
        await connected(watch)
        customer = next(c for c in watch.real.carrier.calls.values() if c.number[-4:] == "0008")
        await watch.real.phone.hold("call-1")
        await asyncio.sleep(1)
        customer.heard.clear()
        await asyncio.sleep(1.2)
        assert loudness(from_alaw(bytes(customer.heard)), AGENT) < 0.15
        await watch.real.phone.resume("call-1")
        await asyncio.sleep(0.5)
        customer.heard.clear()
        await asyncio.sleep(2)
        assert loudness(from_alaw(bytes(customer.heard)), AGENT) > 0.2
        await watch.real.phone.mute("agent-1")
        await asyncio.sleep(0.5)
        customer.heard.clear()
        await asyncio.sleep(2)
        assert loudness(from_alaw(bytes(customer.heard)), AGENT) < 0.02

    on_the_line(scenario, decide=talking)


THIRD = 700  # Hz; a second agent's, and a supervisor's


def three_voices(number: str) -> Script:
    """As `talking`; whoever comes into a call later says 700 Hz."""
    if number in AGENTS and number != "1001":
        return Script(ring=0.02, voice=tone(THIRD, 1.4) + b"\xd5" * 6800, loops=True)
    return talking(number)


class Ears:
    """Who hears whom in one switch."""

    def __init__(self, watch: Watch) -> None:
        self._carrier = watch.real.carrier

    async def are(self, **wanted: set[int]) -> None:
        """Wait until each hears exactly these tones: customer=…, agent=…, third=…."""
        heard: dict[str, set[int]] = {}
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(20):
                while heard != wanted:
                    heard = await self._listen(list(wanted))
        assert heard == wanted

    async def _listen(self, who: list[str]) -> dict[str, set[int]]:
        calls = {self._who(call.number): call for call in self._carrier.calls.values()}
        for name in who:
            calls[name].heard.clear()
        await asyncio.sleep(2.5)  # a whole breath of everybody's
        return {
            name: {
                hertz
                for hertz in (AGENT, CUSTOMER, THIRD)
                if loudness(from_alaw(bytes(calls[name].heard)), hertz) > 0.1
            }
            for name in who
        }

    @staticmethod
    def _who(number: str) -> str:
        return "agent" if number == "1001" else "third" if number in AGENTS else "customer"


def test_a_colleague_is_asked_aside_then_all_talk_then_the_colleague_has_the_call() -> None:
    async def scenario(watch: Watch) -> None:
        await connected(watch)
        phone, ears = watch.real.phone, Ears(watch)
        await phone.line_up("agent-2", "agent-2")
        await watch.of(AgentLineUp, "agent-2")
        await phone.hold("call-1")
        await phone.connect("agent-1", "agent-2")
        await ears.are(agent={THIRD}, third={AGENT})
        await phone.resume("call-1")
        await ears.are(agent={THIRD, CUSTOMER}, third={AGENT, CUSTOMER}, customer={AGENT, THIRD})
        await phone.separate("agent-1")
        await ears.are(agent=set(), third={CUSTOMER}, customer={THIRD})

    on_the_line(scenario, decide=three_voices)


def test_a_call_handed_over_at_once_goes_from_the_music_to_the_colleague() -> None:
    async def scenario(watch: Watch) -> None:
        await connected(watch)
        phone, ears = watch.real.phone, Ears(watch)
        await phone.hold("call-1")
        await phone.line_up("agent-2", "agent-2")
        await watch.of(AgentLineUp, "agent-2")
        await phone.separate("agent-1")
        await phone.resume("call-1")
        await phone.connect("call-1", "agent-2")
        await ears.are(agent=set(), third={CUSTOMER}, customer={THIRD})

    on_the_line(scenario, decide=three_voices)


def test_a_supervisor_listens_whispers_joins_takes_over_and_leaves() -> None:
    async def scenario(watch: Watch) -> None:
        await connected(watch)
        phone, ears = watch.real.phone, Ears(watch)
        await phone.line_up("leader", "leader")
        await watch.of(AgentLineUp, "leader")
        await phone.supervise("agent-1", "leader", Supervision.LISTEN)
        await ears.are(third={AGENT, CUSTOMER}, agent={CUSTOMER}, customer={AGENT})
        await phone.supervise("agent-1", "leader", Supervision.WHISPER)
        await ears.are(third={AGENT, CUSTOMER}, agent={CUSTOMER, THIRD}, customer={AGENT})
        await phone.separate("leader")
        await ears.are(third=set(), agent={CUSTOMER}, customer={AGENT})
        await phone.supervise("agent-1", "leader", Supervision.JOIN)
        await ears.are(third={AGENT, CUSTOMER}, agent={CUSTOMER, THIRD}, customer={AGENT, THIRD})
        await phone.supervise("agent-1", "leader", Supervision.TAKE_OVER)
        await ears.are(third={CUSTOMER}, agent=set(), customer={THIRD})

    on_the_line(scenario, decide=three_voices)


def test_tones_reach_the_far_end() -> None:
    async def scenario(watch: Watch) -> None:
        await connected(watch)
        await watch.real.phone.dtmf("call-1", "12#")
        customer = next(c for c in watch.real.carrier.calls.values() if c.number[-4:] == "0008")
        async with asyncio.timeout(10):
            while customer.tones != "12#":
                await asyncio.sleep(0.01)

    on_the_line(scenario, decide=talking)


def test_every_final_answer_of_a_carrier_has_its_outcome() -> None:
    async def scenario(watch: Watch) -> None:
        dialling = [
            watch.real.phone.dial(
                f"call-{status}",
                f"+8613000000{status}",
                caller_id="+864000000000",
                timeout_seconds=20,
            )
            for status in SIP_TABLE
        ]
        await asyncio.gather(*dialling)
        ends = {status: await watch.ended(f"call-{status}") for status in SIP_TABLE}
        assert {status: end.outcome for status, end in ends.items()} == SIP_TABLE
        assert {end.by for end in ends.values()} == {EndedBy.FAR}

    on_the_line(scenario, decide=lambda number: Script(final=int(number[-3:])))


def test_our_time_out_is_no_answer_and_a_silent_trunk_is_a_fault() -> None:
    scripts = {
        "0001": Script(ring=None),
        "0002": Script(ring=None, announcement=tone(900, 10)),
        "0003": Script(is_silent=True),
    }

    async def scenario(watch: Watch) -> None:
        for ending in scripts:
            await watch.real.phone.dial(
                f"call-{ending}",
                f"+861300000{ending}",
                caller_id="+864000000000",
                timeout_seconds=2,
            )
        rang, announced, silent = [await watch.ended(f"call-{ending}") for ending in scripts]
        assert (rang.outcome, rang.by) == (LineOutcome.NO_ANSWER, EndedBy.TIMEOUT)
        assert (announced.outcome, announced.by) == (LineOutcome.NO_ANSWER, EndedBy.TIMEOUT)
        assert (silent.outcome, silent.by) == (LineOutcome.CARRIER_FAULT, EndedBy.TIMEOUT)
        kinds = {type(e) for e in watch.seen if getattr(e, "leg", "") == "call-0001"}
        assert kinds == {Ringing, Ended}
        kinds = {type(e) for e in watch.seen if getattr(e, "leg", "") == "call-0002"}
        assert kinds == {EarlyMedia, Ended}

    on_the_line(scenario, decide=lambda number: scripts[number[-4:]])


def test_a_carrier_with_words_of_its_own_is_understood() -> None:
    async def scenario(watch: Watch) -> None:
        await watch.real.phone.dial(
            "call-1", "+8613000000480", caller_id="+864000000000", timeout_seconds=5
        )
        assert (await watch.ended("call-1")).outcome is LineOutcome.EMPTY_NUMBER

    on_the_line(
        scenario,
        decide=lambda _: Script(final=480),
        trunk={"overrides": {480: LineOutcome.EMPTY_NUMBER}},
    )


def test_a_killed_switch_comes_back_and_its_recording_is_kept() -> None:
    async def scenario(watch: Watch) -> None:
        await connected(watch)
        await asyncio.sleep(6)  # more than Asterisk keeps back before it writes
        watch.real.restart()
        await watch.until(lambda e: isinstance(e, SwitchRestarted))
        ended = await watch.ended("call-1")
        assert (ended.outcome, ended.by) == (LineOutcome.ANSWERED, EndedBy.SWITCH)
        done = await watch.of(RecordingDone, "call-1")
        assert isinstance(done, RecordingDone)
        assert done.seconds > 1
        await watch.real.phone.dial(
            "call-2", "+8613000000008", caller_id="+864000000000", timeout_seconds=5
        )
        await watch.of(Answered, "call-2")

    on_the_line(scenario, decide=talking)


def test_a_switch_whose_keeper_was_killed_gives_way_to_the_next() -> None:
    async def scenario(watch: Watch) -> None:
        left = watch.real.process
        again = Process(left.settings, programs())
        await asyncio.to_thread(again.start)
        try:
            assert left.pid is None
            assert again.pid is not None
        finally:
            again.stop()

    on_the_line(scenario)


def test_another_process_finds_the_lines_that_stand() -> None:
    async def scenario(watch: Watch) -> None:
        await connected(watch)
        await watch.real.phone.close()
        again = AsteriskTelephony(watch.real.process.settings)
        watch.real.phone = again
        watch = Watch(watch.real)
        assert await again.legs() == {"agent-1", "call-1"}
        await again.separate("call-1")
        await again.connect("agent-1", "call-1")
        await again.hang_up("call-1")
        ended = await watch.ended("call-1")
        assert (ended.outcome, ended.by) == (LineOutcome.ANSWERED, EndedBy.US)
        assert await again.legs() == {"agent-1"}

    on_the_line(scenario, decide=talking)


def test_a_recording_that_ended_while_nobody_listened_is_told_of(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(adapter, "SETTLED_SECONDS", 0.5)

    async def scenario(watch: Watch) -> None:
        await connected(watch)
        await asyncio.sleep(1)  # seconds of sound, not of waiting
        await watch.real.phone.close()
        for call in list(watch.real.carrier.calls.values()):
            if call.number.endswith("0008"):
                watch.real.carrier.hang_up(call)
        again = AsteriskTelephony(watch.real.process.settings)
        watch.real.phone = again
        watch = Watch(watch.real)
        while not any(isinstance(event, RecordingDone) for event in watch.seen):
            await again.legs()
            await asyncio.sleep(0.1)
        done = next(event for event in watch.seen if isinstance(event, RecordingDone))
        assert (done.leg, done.name) == ("call-1", "call-1")
        assert done.seconds > 0.5
        assert done.file is not None
        assert done.file.exists()

    on_the_line(scenario, decide=talking)


def test_the_journal_holds_every_end_once_whoever_reads_it(tmp_path: Path) -> None:
    async def scenario(watch: Watch) -> None:
        for n in range(20):
            await watch.real.phone.dial(
                f"call-{n}", "+8613000000486", caller_id="+864000000000", timeout_seconds=5
            )
        for n in range(20):
            await watch.ended(f"call-{n}")
        file = watch.real.process.settings.journal
        entries: list[journal.Entry] = []
        place = journal.Place()
        async with asyncio.timeout(10):
            while sum(each.what == "HANGUP" for each in entries) < 20:
                some, place = journal.read(file, place, most_bytes=300)  # torn lines on the way
                entries += some
                await asyncio.sleep(0)
        hung_up = [each for each in entries if each.what == "HANGUP"]
        assert sorted(each.leg for each in hung_up) == sorted(f"call-{n}" for n in range(20))
        assert {(each.q850, each.by_far) for each in hung_up} == {(17, True)}

    on_the_line(scenario, decide=lambda _: Script(final=486))


def test_a_rotated_journal_is_read_to_its_end_first(tmp_path: Path) -> None:
    line = '"{}","2026-11-21 10:00:00.000001","call-{}_","","",""\n'
    file = tmp_path / "journal.csv"
    file.write_text(line.format("CHAN_START", 1) + line.format("ANSWER", 1)[:20])
    first, place = journal.read(file, journal.Place())
    with file.open("a") as more:
        more.write(line.format("ANSWER", 1)[20:])
    file.rename(tmp_path / "journal.csv.1")
    file.write_text(line.format("CHAN_START", 2))

    second, place = journal.read(file, place)
    third, place = journal.read(file, place)
    fourth, place = journal.read(file, place)

    told = [[(each.what, each.leg) for each in some] for some in (first, second, third, fourth)]
    assert told == [
        [("CHAN_START", "call-1")],
        [("ANSWER", "call-1")],
        [("CHAN_START", "call-2")],
        [],
    ]


def test_a_recording_cut_off_by_a_crash_is_whole_up_to_there(tmp_path: Path) -> None:
    raw, file = tmp_path / "call.raw", tmp_path / "call.wav"
    raw.write_bytes(bytes(4 * 8000 + 3))  # a second, and half a sample

    assert finish_recording(raw, file) == 1.0
    assert finish_recording(raw, file) == 1.0  # again is harmless
    assert not raw.exists()
