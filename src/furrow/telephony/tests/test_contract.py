"""The promises every telephone system keeps. A new system is added to `SYSTEMS`, nothing else."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise

import pytest

from furrow.telephony.clock import RealClock, VirtualClock
from furrow.telephony.outcomes import LineOutcome
from furrow.telephony.port import (
    AgentLineDown,
    AgentLineUp,
    Answered,
    CannotDial,
    Ended,
    EndedBy,
    Event,
    Inbound,
    KeyPressed,
    LegGone,
    MachineHeard,
    RecordingDone,
    Ringing,
    Supervision,
    SwitchRestarted,
    Telephony,
)
from furrow.telephony.simulated import SimulatedTelephony
from furrow.telephony.tests.bench_asterisk import outside

OURS = "+864000000000"


@dataclass
class Bench:
    """One system on the bench, and how to make the outside world act on it.

    Numbers end as in `simulated.KNOWN_ENDINGS`; a real switch's bench carrier does the same.
    """

    phone: Telephony
    ring_in: Callable[[str, str], None]  # leg the simulated system shall use, caller
    far_hang_up: Callable[[str], None]
    restart: Callable[[], None]
    press: Callable[[str], None]  # a key, by whoever called us
    seen: list[Event]
    rings_for: float = 28  # seconds until our time-out
    is_real: bool = False  # other processes need time between two looks

    async def until(self, kind: type[Event], leg: str | None = None) -> Event:
        """The first event of a kind (about a leg); fails after 10 s of real time."""
        async with asyncio.timeout(10):
            while True:
                for event in self.seen:
                    if isinstance(event, kind) and leg in (None, getattr(event, "leg", None)):
                        return event
                await asyncio.sleep(0.002 if self.is_real else 0)

    async def written(self, legs: list[str]) -> list[Ended]:
        """What the journal says, once it knows of two; a real one is a moment behind."""
        async with asyncio.timeout(10):
            while len(told := await self.phone.ended(legs)) < 2:
                await asyncio.sleep(0.01)
        return told

    async def until_ended(self, leg: str) -> Ended:
        event = await self.until(Ended, leg)
        assert isinstance(event, Ended)
        return event

    async def dial(self, leg: str, number: str, timeout_seconds: float | None = None) -> None:
        seconds = timeout_seconds or self.rings_for
        await self.phone.dial(leg, number, caller_id=OURS, timeout_seconds=seconds)


async def _read(phone: Telephony, seen: list[Event]) -> None:
    async for event in phone.events():
        seen.append(event)


async def _wind(clock: VirtualClock) -> None:
    while True:
        for _ in range(5):  # whoever waits for what happened may act before time goes on
            await asyncio.sleep(0)
        clock.advance(0.5)


@asynccontextmanager
async def _simulated(clock: RealClock | VirtualClock) -> AsyncIterator[Bench]:
    phone = SimulatedTelephony(clock=clock)
    seen: list[Event] = []

    def press(key: str) -> None:
        for leg in list(phone._legs):
            phone.press(leg, key)

    tasks = [asyncio.create_task(_read(phone, seen))]
    if isinstance(clock, VirtualClock):
        tasks.append(asyncio.create_task(_wind(clock)))
    try:
        yield Bench(
            phone,
            ring_in=lambda leg, caller: phone.ring_in(leg, caller=caller, called=OURS),
            far_hang_up=phone.far_hang_up,
            restart=phone.restart,
            press=press,
            seen=seen,
        )
    finally:
        await phone.close()
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


@asynccontextmanager
async def _asterisk() -> AsyncIterator[Bench]:
    async with outside() as real:
        seen: list[Event] = []
        reading = asyncio.create_task(_read(real.phone, seen))
        try:
            yield Bench(
                real.phone,
                ring_in=lambda leg, caller: real.ring_in(leg, caller, called=OURS),
                far_hang_up=real.far_hang_up,
                restart=real.restart,
                press=real.press,
                seen=seen,
                rings_for=2,
                is_real=True,
            )
        finally:
            await real.phone.close()
            reading.cancel()
            with suppress(asyncio.CancelledError):
                await reading


Connect = Callable[[], AbstractAsyncContextManager[Bench]]

SYSTEMS: dict[str, Connect] = {
    "simulated, virtual time": lambda: _simulated(VirtualClock()),
    "simulated, real time": lambda: _simulated(RealClock(speed=500)),
    "asterisk": _asterisk,
}


def keeps(promise: Callable[[Bench], Awaitable[None]]) -> Callable[[Connect], None]:
    """Make a test of a promise: every system on the bench must keep it."""

    @pytest.mark.parametrize("connect", SYSTEMS.values(), ids=SYSTEMS.keys())
    def test(connect: Connect) -> None:
        async def scenario() -> None:
            async with connect() as bench:
                await promise(bench)

        asyncio.run(scenario())

    test.__doc__ = promise.__doc__
    return test


@pytest.mark.parametrize("connect", SYSTEMS.values(), ids=SYSTEMS.keys())
@pytest.mark.parametrize(
    ("ending", "outcome", "by"),
    [
        ("0001", LineOutcome.ANSWERED, EndedBy.FAR),
        ("0002", LineOutcome.NO_ANSWER, EndedBy.TIMEOUT),
        ("0003", LineOutcome.BUSY, EndedBy.FAR),
        ("0004", LineOutcome.EMPTY_NUMBER, EndedBy.FAR),
        ("0005", LineOutcome.SWITCHED_OFF, EndedBy.FAR),
        ("0006", LineOutcome.REFUSED, EndedBy.FAR),
        ("0007", LineOutcome.MACHINE, EndedBy.FAR),
        ("0009", LineOutcome.OUT_OF_SERVICE, EndedBy.FAR),
        ("0010", LineOutcome.CARRIER_FAULT, EndedBy.FAR),
    ],
)
def test_the_line_says_how_it_went(
    connect: Connect, ending: str, outcome: LineOutcome, by: EndedBy
) -> None:
    async def scenario() -> None:
        async with connect() as bench:
            await bench.dial("call-1", f"+86130000{ending}")
            ended = await bench.until_ended("call-1")
            assert (ended.outcome, ended.by) == (outcome, by)
            assert ended.cause

    asyncio.run(scenario())


@keeps
async def test_a_conversation(bench: Bench) -> None:
    phone = bench.phone
    await phone.line_up("agent-1", "1001")
    up = await bench.until(AgentLineUp)
    assert isinstance(up, AgentLineUp)
    assert (up.leg, up.agent) == ("agent-1", "1001")

    await bench.dial("call-1", "+861300000001")
    await bench.until(Answered, "call-1")
    await phone.connect("agent-1", "call-1")
    await phone.record("call-1", "call-1")
    ended = await bench.until_ended("call-1")

    assert ended.outcome is LineOutcome.ANSWERED
    done = await bench.until(RecordingDone)
    assert isinstance(done, RecordingDone)
    assert done.name == "call-1"
    assert done.seconds > 0
    # The customer's end does not take the agent's line down.
    assert await phone.legs() == {"agent-1"}
    assert [type(e) for e in bench.seen if getattr(e, "leg", "") == "call-1"][:2] == [
        Ringing,
        Answered,
    ]


@keeps
async def test_events_of_a_leg_are_in_order_and_aware(bench: Bench) -> None:
    await bench.dial("call-1", "+861300000001")
    await bench.until_ended("call-1")

    at = [event.at for event in bench.seen]
    assert all(a <= b for a, b in pairwise(at))
    assert all(a.utcoffset() is not None for a in at)


@keeps
async def test_hanging_up_while_it_rings_is_a_cancelled_call(bench: Bench) -> None:
    await bench.dial("call-1", "+861300000002", timeout_seconds=600)
    await bench.until(Ringing)
    await bench.phone.hang_up("call-1")

    ended = await bench.until_ended("call-1")
    assert (ended.outcome, ended.by) == (LineOutcome.CANCELLED, EndedBy.US)


@keeps
async def test_hanging_up_an_answered_leg_keeps_it_answered(bench: Bench) -> None:
    await bench.dial("call-1", "+861300000008")
    await bench.until(Answered)
    await bench.phone.hang_up("call-1")

    ended = await bench.until_ended("call-1")
    assert (ended.outcome, ended.by) == (LineOutcome.ANSWERED, EndedBy.US)


@keeps
async def test_hanging_up_twice_is_harmless_and_reported_once(bench: Bench) -> None:
    await bench.dial("call-1", "+861300000008")
    await bench.phone.hang_up("call-1")
    await bench.phone.hang_up("call-1")
    await bench.phone.hang_up("never-was")
    await bench.dial("call-2", "+861300000003")
    await bench.until_ended("call-2")

    assert [e.leg for e in bench.seen if isinstance(e, Ended)] == ["call-1", "call-2"]


@keeps
async def test_a_leg_id_rings_once(bench: Bench) -> None:
    await bench.dial("call-1", "+861300000003")
    await bench.dial("call-1", "+861300000003")
    await bench.until_ended("call-1")
    await bench.dial("call-1", "+861300000003")
    await bench.dial("call-2", "+861300000003")
    await bench.until_ended("call-2")

    assert [e.leg for e in bench.seen if isinstance(e, Ended)] == ["call-1", "call-2"]


@keeps
async def test_an_end_that_nobody_heard_can_be_asked_for(bench: Bench) -> None:
    await bench.dial("call-1", "+861300000003")
    await bench.dial("call-2", "+861300000008")
    first = await bench.until_ended("call-1")
    await bench.until(Answered, "call-2")
    await bench.phone.hang_up("call-2")
    second = await bench.until_ended("call-2")
    await bench.dial("call-3", "+861300000008")

    told = {each.leg: each for each in await bench.written(["call-1", "call-2", "call-3", "no"])}
    if bench.is_real:  # and when somebody answered, which nobody may have heard either
        assert [leg for leg, each in told.items() if each.answered_at] == ["call-2"]
    assert {leg: (each.outcome, each.by) for leg, each in told.items()} == {
        "call-1": (first.outcome, first.by),
        "call-2": (second.outcome, second.by),
    }


@keeps
async def test_a_leg_id_may_begin_like_another(bench: Bench) -> None:
    await bench.dial("call-17", "+861300000008")
    await bench.until(Answered, "call-17")
    await bench.dial("call-1", "+861300000008")
    await bench.until(Answered, "call-1")

    assert await bench.phone.legs() == {"call-1", "call-17"}


@keeps
async def test_malformed_ids_and_numbers_are_not_dialled(bench: Bench) -> None:
    for leg, number in [("a+b", "+861300000001"), ("", "+861300000001"), ("call-1", "13800")]:
        with pytest.raises(CannotDial):
            await bench.dial(leg, number)
    with pytest.raises(CannotDial):
        await bench.phone.line_up("a/b", "1001")
    assert await bench.phone.legs() == frozenset()


@keeps
async def test_commands_on_a_leg_that_is_gone_say_so(bench: Bench) -> None:
    phone = bench.phone
    await phone.line_up("agent-1", "1001")
    await bench.until(AgentLineUp)
    for command in (
        phone.answer("gone"),
        phone.connect("agent-1", "gone"),
        phone.connect("gone", "agent-1"),
        phone.separate("gone"),
        phone.transfer("agent-1", "gone"),
        phone.hold("gone"),
        phone.resume("gone"),
        phone.mute("gone"),
        phone.unmute("gone"),
        phone.dtmf("gone", "1"),
        phone.play("gone", "sorry"),
        phone.hush("gone"),
        phone.record("gone", "r"),
        phone.pause_recording("gone"),
        phone.resume_recording("gone"),
        phone.supervise("agent-1", "gone", Supervision.LISTEN),
    ):
        with pytest.raises(LegGone):
            await command


@keeps
async def test_commands_may_be_repeated(bench: Bench) -> None:
    phone = bench.phone
    await phone.line_up("agent-1", "1001")
    await bench.until(AgentLineUp)
    await phone.line_up("agent-1", "1001")
    await bench.dial("call-1", "+861300000008")
    await bench.until(Answered, "call-1")
    for _ in range(2):
        await phone.connect("agent-1", "call-1")
    for _ in range(2):
        await phone.hold("call-1")
    for _ in range(2):
        await phone.resume("call-1")
    for _ in range(2):
        await phone.mute("agent-1")
    for _ in range(2):
        await phone.unmute("agent-1")
    await phone.dtmf("call-1", "12#")
    for _ in range(2):
        await phone.record("call-1", "call-1")
    for _ in range(2):
        await phone.pause_recording("call-1")
    for _ in range(2):
        await phone.resume_recording("call-1")
    for _ in range(2):
        await phone.give_account("1002", "a-short-lived-password")
    for _ in range(2):
        await phone.take_account("1002")
    for _ in range(2):
        await phone.separate("call-1")

    assert await phone.legs() == {"agent-1", "call-1"}


@keeps
async def test_a_transfer_leaves_the_first_agent_up_and_free(bench: Bench) -> None:
    phone = bench.phone
    for leg in ("agent-1", "agent-2"):
        await phone.line_up(leg, leg)
        await bench.until(AgentLineUp, leg)
    await bench.dial("call-1", "+861300000008")
    await bench.until(Answered, "call-1")
    await phone.connect("agent-1", "call-1")
    await phone.transfer("agent-1", "agent-2")
    await phone.hang_up("agent-1")

    await bench.until(AgentLineDown, "agent-1")
    assert await phone.legs() == {"agent-2", "call-1"}


@keeps
async def test_a_supervisor_may_take_over(bench: Bench) -> None:
    phone = bench.phone
    for leg in ("agent-1", "leader"):
        await phone.line_up(leg, leg)
        await bench.until(AgentLineUp, leg)
    await bench.dial("call-1", "+861300000008")
    await bench.until(Answered, "call-1")
    await phone.connect("agent-1", "call-1")
    for mode in Supervision:
        await phone.supervise("agent-1", "leader", mode)

    assert await phone.legs() == {"agent-1", "leader", "call-1"}


@keeps
async def test_a_sound_is_heard_to_its_end_or_the_leg_is_gone(bench: Bench) -> None:
    await bench.dial("call-1", "+861300000008")
    await bench.until(Answered)
    await bench.phone.play("call-1", "sorry")

    playing = asyncio.create_task(bench.phone.play("call-1", "sorry"))
    await asyncio.sleep(0)
    await bench.phone.hang_up("call-1")
    with pytest.raises(LegGone):
        await playing


@keeps
async def test_a_machine_is_named_after_its_answer(bench: Bench) -> None:
    await bench.dial("call-1", "+861300000007")
    await bench.until(MachineHeard)
    await bench.phone.hang_up("call-1")

    assert (await bench.until_ended("call-1")).outcome is LineOutcome.MACHINE


@keeps
async def test_an_inbound_call_is_answered(bench: Bench) -> None:
    bench.ring_in("in-1", "+861300000001")
    inbound = await bench.until(Inbound)
    assert isinstance(inbound, Inbound)
    assert (inbound.caller, inbound.called) == ("+861300000001", OURS)
    await bench.phone.answer(inbound.leg)
    await bench.until(Answered, inbound.leg)
    bench.far_hang_up(inbound.leg)

    ended = await bench.until_ended(inbound.leg)
    assert (ended.outcome, ended.by) == (LineOutcome.ANSWERED, EndedBy.FAR)


@keeps
async def test_an_inbound_call_nobody_takes_is_a_missed_one(bench: Bench) -> None:
    bench.ring_in("in-1", "+861300000001")
    inbound = await bench.until(Inbound)
    assert isinstance(inbound, Inbound)

    ended = await bench.until_ended(inbound.leg)
    assert (ended.outcome, ended.by) == (LineOutcome.NO_ANSWER, EndedBy.FAR)


@keeps
async def test_a_caller_is_known_by_the_name_we_give(bench: Bench) -> None:
    bench.ring_in("in-1", "+861300000001")
    inbound = await bench.until(Inbound)
    assert isinstance(inbound, Inbound)
    for _ in range(2):
        await bench.phone.name(inbound.leg, "call-7")
    assert await bench.phone.legs() == {"call-7"}

    await bench.phone.answer("call-7")
    await bench.until(Answered, "call-7")
    await bench.phone.record("call-7", "call-7")
    bench.press("9")
    pressed = await bench.until(KeyPressed, "call-7")
    assert isinstance(pressed, KeyPressed)
    assert pressed.key == "9"
    bench.far_hang_up("call-7" if not bench.is_real else inbound.leg)

    ended = await bench.until_ended("call-7")
    assert ended.outcome is LineOutcome.ANSWERED
    await bench.phone.name(inbound.leg, "call-7")
    async with asyncio.timeout(10):
        while not (told := await bench.phone.ended(["call-7"])):
            await asyncio.sleep(0.01)
    assert (told[0].leg, told[0].outcome) == ("call-7", LineOutcome.ANSWERED)
    await bench.until(RecordingDone, "call-7")


@keeps
async def test_a_sound_can_be_stopped(bench: Bench) -> None:
    bench.ring_in("in-1", "+861300000001")
    leg = (await bench.until(Inbound)).leg  # type: ignore[union-attr]
    await bench.phone.answer(leg)
    playing = asyncio.create_task(bench.phone.play(leg, "sorry"))
    for _ in range(3):
        await asyncio.sleep(0)
    while not playing.done():
        await bench.phone.hush(leg)
        await asyncio.sleep(0)
    await playing


@keeps
async def test_a_lost_agent_line_is_told_before_its_end(bench: Bench) -> None:
    await bench.phone.line_up("agent-1", "1001")
    await bench.until(AgentLineUp)
    bench.far_hang_up("agent-1")
    await bench.until_ended("agent-1")

    down = await bench.until(AgentLineDown)
    assert isinstance(down, AgentLineDown)
    assert down.agent == "1001"


@keeps
async def test_a_restarted_switch_ends_every_leg_first(bench: Bench) -> None:
    await bench.dial("ringing", "+861300000002", timeout_seconds=600)
    await bench.dial("talking", "+861300000008")
    await bench.until(Answered, "talking")
    bench.restart()
    await bench.until(SwitchRestarted)

    ended = {e.leg: e for e in bench.seen if isinstance(e, Ended)}
    assert ended["talking"].outcome is LineOutcome.ANSWERED
    assert ended["ringing"].outcome is LineOutcome.INTERRUPTED
    assert {each.by for each in ended.values()} == {EndedBy.SWITCH}
    assert await bench.phone.legs() == frozenset()


@keeps
async def test_closing_ends_the_events(bench: Bench) -> None:
    await bench.phone.close()

    async with asyncio.timeout(10):
        assert [event async for event in bench.phone.events()] == []
