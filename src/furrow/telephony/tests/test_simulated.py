"""The simulated carrier keeps its books straight and its dice honest."""

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from furrow.telephony.clock import VirtualClock
from furrow.telephony.outcomes import LineOutcome
from furrow.telephony.port import Answered, Ended, EndedBy, Event, LegGone, Ringing
from furrow.telephony.simulated import CarrierSettings, Fate, LogNormal, SimulatedTelephony

OURS = "+864000000000"


def play(
    moves: Sequence[tuple[float, str, int]], *, world: CarrierSettings | None = None
) -> list[Event]:
    """Make moves (seconds to wait, command, number) in virtual time; return all events."""

    async def scenario() -> list[Event]:
        clock = VirtualClock()
        phone = SimulatedTelephony(world, clock)
        await phone.line_up("agent", "1001")
        for n, (wait, command, number) in enumerate(moves):
            clock.advance(wait)
            alive = sorted(await phone.legs() - {"agent"})
            leg = alive[number % len(alive)] if alive else "nobody"
            match command:
                case "dial":
                    await phone.dial(
                        f"call-{n}", f"+86139{number:07d}", caller_id=OURS, timeout_seconds=28
                    )
                case "hang up":
                    await phone.hang_up(leg)
                case "connect":
                    with suppress(LegGone):
                        await phone.connect("agent", leg)
                case "separate":
                    with suppress(LegGone):
                        await phone.separate(leg)
                case "far hang up":
                    phone.far_hang_up(leg)
                case "restart":
                    phone.restart()
        clock.advance(3 * 3600)
        await phone.hang_up("agent")
        assert await phone.legs() == frozenset()
        assert clock.next_at() is None
        await phone.close()
        return [event async for event in phone.events()]

    return asyncio.run(scenario())


def about(legs: str, events: Sequence[Event]) -> list[Event]:
    """The events of the legs whose ids begin so."""
    return [event for event in events if getattr(event, "leg", "").startswith(legs)]


ORDERED = (Ringing, Answered, Ended)
MOVES = st.lists(
    st.tuples(
        st.floats(0, 40),
        st.sampled_from(
            ["dial", "dial", "dial", "hang up", "connect", "separate", "far hang up", "restart"]
        ),
        st.integers(0, 9_999),
    ),
    max_size=30,
)


@given(moves=MOVES)
@settings(deadline=None)
def test_each_leg_ends_once_and_in_order(moves: list[tuple[float, str, int]]) -> None:
    """Whatever is done at whatever moment: ringing, then answered, then ended, then silence."""
    events = play(moves)
    dialled = {f"call-{n}" for n, move in enumerate(moves) if move[1] == "dial"}

    for leg in dialled:
        mine = [event for event in events if getattr(event, "leg", "") == leg]
        assert [type(event) for event in mine].count(Ended) == 1
        assert isinstance(mine[-1], Ended)
        order = [ORDERED.index(type(e)) for e in mine if isinstance(e, ORDERED)]
        assert order == sorted(set(order))
        answered = any(isinstance(event, Answered) for event in mine)
        assert answered == (mine[-1].outcome in (LineOutcome.ANSWERED, LineOutcome.MACHINE))


def dial_many(count: int, world: CarrierSettings | None = None) -> list[Event]:
    return play([(0.2, "dial", n * 11) for n in range(count)], world=world)


def test_the_same_run_repeats() -> None:
    assert dial_many(200) == dial_many(200)


def test_another_seed_is_another_day() -> None:
    assert dial_many(200) != dial_many(200, CarrierSettings(seed=1))


def test_a_number_may_do_otherwise_the_next_time_and_again_the_same_in_the_next_run() -> None:
    moves = [(60.0, "dial", 77)] * 30
    outcomes = [e.outcome for e in about("call", play(moves)) if isinstance(e, Ended)]

    assert len(set(outcomes)) > 1
    assert outcomes == [e.outcome for e in about("call", play(moves)) if isinstance(e, Ended)]


def test_outcomes_come_as_often_as_the_weights_say() -> None:
    ended = [e for e in about("call", dial_many(4_000)) if isinstance(e, Ended)]
    share = Counter(event.outcome for event in ended)

    assert len(ended) == 4_000
    assert share[LineOutcome.ANSWERED] / 4_000 == pytest.approx(0.25, abs=0.03)
    assert share[LineOutcome.MACHINE] / 4_000 == pytest.approx(0.10, abs=0.02)
    assert share[LineOutcome.NO_ANSWER] / 4_000 == pytest.approx(0.50, abs=0.03)


def test_the_longest_rule_wins() -> None:
    world = CarrierSettings(
        rules={"*1": Fate.BUSY, "*0001": Fate.REFUSES, "+8613900000001": Fate.EMPTY_NUMBER}
    )
    seen = {
        number: world.fate_of(number, dice=None)  # type: ignore[arg-type]  # rules need no dice
        for number in ("+8613900000021", "+8613900010001", "+8613900000001")
    }

    assert list(seen.values()) == [Fate.BUSY, Fate.REFUSES, Fate.EMPTY_NUMBER]


def test_a_customer_who_hears_nobody_hangs_up() -> None:
    events = play([(0, "dial", 1)])
    answered, ended = (e for e in about("call-0", events) if isinstance(e, Answered | Ended))

    assert isinstance(ended, Ended)
    assert ended.by is EndedBy.FAR
    assert 1 < (ended.at - answered.at).total_seconds() < 30


def test_a_customer_in_conversation_talks_longer_than_patience() -> None:
    slow = CarrierSettings(talk=((1.0, LogNormal(600.0, 0.0)),), ring=LogNormal(5.0, 0.0))
    events = play([(0, "dial", 1), (7.0, "connect", 0)], world=slow)
    answered, ended = (e for e in about("call-0", events) if isinstance(e, Answered | Ended))

    assert (ended.at - answered.at).total_seconds() == pytest.approx(600, abs=2)


def test_settings_are_read_from_json(tmp_path: Path) -> None:
    path = tmp_path / "carrier.json"
    path.write_text(
        json.dumps(
            {
                "seed": 7,
                "weights": {"talks": 1},
                "rules": {"*9999": "busy"},
                "ring": {"median_seconds": 3, "sigma": 0.1},
                "talk": [[1, {"median_seconds": 60, "sigma": 0.5}]],
            }
        )
    )
    world = CarrierSettings.from_json(path)

    assert world.weights == {Fate.TALKS: 1}
    assert world.rules == {"*9999": Fate.BUSY}
    assert world.ring == LogNormal(3, 0.1)
    assert world.talk == ((1, LogNormal(60, 0.5)),)
    assert world.setup_seconds == CarrierSettings().setup_seconds


@pytest.mark.parametrize("text", ['{"colour": 1}', '{"rules": {"*1": "dances"}}'])
def test_settings_that_do_not_exist_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "carrier.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"colour|dances"):
        CarrierSettings.from_json(path)
