"""Hold, transfer, conference and supervision, through the loop and the simulated carrier."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from furrow.calls.models import Call
from furrow.calls.rules import CallState, Outcome
from furrow.dialer.actions import (
    accept_call,
    ask_colleague,
    ask_hang_up,
    ask_hold,
    ask_mute,
    move_party,
    send_tones,
    supervise,
)
from furrow.dialer.models import Party, Talk
from furrow.dialer.rules import Place, agent_leg, customer_leg
from furrow.organisation.models import Presence, User
from furrow.organisation.rules import PresenceState, Role
from furrow.organisation.tests.make import make_agent, make_user

from .test_loop import STAYS, Bench, dialing, queue_call, state_of, until

pytestmark = pytest.mark.django_db(transaction=True)


class Told:
    """Which commands the switch was given, beside those of every call."""

    def __init__(self, bench: Bench) -> None:
        self.commands: list[tuple[str, ...]] = []
        for name in (
            "hold",
            "resume",
            "mute",
            "unmute",
            "dtmf",
            "separate",
            "supervise",
            "connect",
        ):
            self._listen(bench, name)

    def _listen(self, bench: Bench, name: str) -> None:
        does = getattr(bench.switch, name)

        async def told(*args: Any) -> None:
            await does(*args)
            self.commands.append((name, *map(str, args)))

        setattr(bench.switch, name, told)


@pytest.fixture
def bench() -> Iterator[Bench]:
    with dialing() as made:
        yield made


def talking(agent: User | None = None) -> Call:
    call = queue_call(STAYS, agent=agent)
    until(lambda: state_of(call) == CallState.TALKING)
    return Call.objects.select_related("agent").get(pk=call.pk)


def ready(user: User) -> User:
    now = datetime.now(UTC)
    Presence.objects.update_or_create(
        user=user, defaults={"state": PresenceState.READY, "since": now, "seen_at": now}
    )
    return user


def placed(party: Party, where: Place) -> bool:
    return Party.objects.filter(pk=party.pk, place=where).exists()


def now() -> datetime:
    return datetime.now(UTC)


def test_what_the_agent_wants_of_the_lines_is_done_and_noted(bench: Bench) -> None:
    told = Told(bench)
    call = talking()
    customer, agent = customer_leg(call.pk), agent_leg(call.pk)

    ask_hold(call=call, is_held=True, by=call.talker, at=now())
    until(lambda: Talk.objects.filter(pk=call.pk, is_held=True).exists())
    ask_hold(call=call, is_held=False, by=call.talker, at=now())
    ask_mute(call=call, is_muted=True, by=call.talker, at=now())
    send_tones(call=call, tones="1#", by=call.talker, at=now())
    until(lambda: Talk.objects.filter(pk=call.pk, is_held=False, is_muted=True, tones="").exists())

    until(lambda: ("dtmf", customer, "1#") in told.commands)
    assert {("hold", customer), ("resume", customer), ("mute", agent)} <= set(told.commands)


def test_a_colleague_is_asked_all_three_talk_and_the_colleague_keeps_the_call(
    bench: Bench,
) -> None:
    call = talking()
    anna, ben = call.talker, ready(make_agent())

    party = ask_colleague(call=call, colleague=ben, wanted=Place.CONSULT, by=anna, at=now())
    accept_call(party=party, by=ben, at=now())
    until(lambda: placed(party, Place.CONSULT))
    move_party(party=party, wanted=Place.JOIN, by=anna, at=now())
    until(lambda: placed(party, Place.JOIN))
    until(lambda: not Talk.objects.get(pk=call.pk).is_held)
    move_party(party=party, wanted=Place.TAKE_OVER, by=anna, at=now())
    until(lambda: Call.objects.get(pk=call.pk).agent == ben)

    until(lambda: agent_leg(call.pk) not in bench.legs())  # her line was rung for this call
    assert customer_leg(call.pk) in bench.legs()
    assert Presence.objects.get(user=anna).state == PresenceState.READY
    ask_hang_up(call=call, by=ben, at=now())
    until(lambda: state_of(call) == CallState.ENDED)
    until(lambda: not bench.legs())
    until(lambda: not Party.objects.live().exists())
    assert Presence.objects.get(user=ben).state == PresenceState.WRAPUP


def test_a_call_handed_over_at_once_moves_when_the_colleague_says_yes(bench: Bench) -> None:
    call = talking()
    anna, ben = call.talker, ready(make_agent())

    party = ask_colleague(call=call, colleague=ben, wanted=Place.TAKE_OVER, by=anna, at=now())
    until(lambda: Talk.objects.get(pk=call.pk).is_held)
    assert Call.objects.get(pk=call.pk).agent == anna
    accept_call(party=party, by=ben, at=now())

    until(lambda: Call.objects.get(pk=call.pk).agent == ben)
    assert state_of(call) == CallState.TALKING


def test_who_is_asked_and_says_no_gives_the_customer_back(bench: Bench) -> None:
    told = Told(bench)
    call = talking()
    ben = ready(make_agent())

    party = ask_colleague(
        call=call, colleague=ben, wanted=Place.TAKE_OVER, by=call.talker, at=now()
    )
    until(lambda: Talk.objects.get(pk=call.pk).is_held)
    move_party(party=party, wanted=Place.GONE, by=ben, at=now(), why="declined")

    until(lambda: not Party.objects.live().exists())
    assert not Talk.objects.get(pk=call.pk).is_held
    assert ("resume", customer_leg(call.pk)) in told.commands
    assert Call.objects.get(pk=call.pk).agent == call.agent
    assert Presence.objects.get(user=ben).state == PresenceState.READY


def test_a_helper_whose_line_is_lost_leaves_agent_and_customer_talking(bench: Bench) -> None:
    call = talking()
    ben = ready(make_agent())
    party = ask_colleague(call=call, colleague=ben, wanted=Place.CONSULT, by=call.talker, at=now())
    accept_call(party=party, by=ben, at=now())
    until(lambda: placed(party, Place.CONSULT))

    leg = Party.objects.get(pk=party.pk).leg
    bench.do(lambda: bench.switch.far_hang_up(leg))

    until(lambda: not Party.objects.live().exists())
    assert state_of(call) == CallState.TALKING
    assert {customer_leg(call.pk), agent_leg(call.pk)} <= bench.legs()


def test_the_customers_end_ends_everything(bench: Bench) -> None:
    call = talking()
    ben = ready(make_agent())
    party = ask_colleague(call=call, colleague=ben, wanted=Place.CONSULT, by=call.talker, at=now())
    accept_call(party=party, by=ben, at=now())
    until(lambda: placed(party, Place.CONSULT))

    bench.do(lambda: bench.switch.far_hang_up(customer_leg(call.pk)))

    until(lambda: not bench.legs())
    until(lambda: not Party.objects.live().exists())
    assert Presence.objects.get(user=ben).state == PresenceState.READY


def test_a_supervisor_listens_whispers_and_takes_over(bench: Bench) -> None:
    told = Told(bench)
    call = talking()
    agent = call.talker
    leader = make_user(role=Role.LEADER, team=agent.team)

    party = supervise(call=call, wanted=Place.LISTEN, by=leader, at=now())
    until(lambda: placed(party, Place.LISTEN))
    supervise(call=call, wanted=Place.WHISPER, by=leader, at=now())
    until(lambda: placed(party, Place.WHISPER))
    supervise(call=call, wanted=Place.TAKE_OVER, by=leader, at=now())
    until(lambda: Call.objects.get(pk=call.pk).agent == leader)

    modes = [command[-1] for command in told.commands if command[0] == "supervise"]
    assert modes == ["listen", "whisper", "take_over"]
    assert state_of(call) == CallState.TALKING


def test_a_party_that_cannot_be_moved_is_let_go_and_the_dialer_goes_on(bench: Bench) -> None:
    call = talking()
    leader = make_user(role=Role.LEADER, team=call.talker.team)
    party = supervise(call=call, wanted=Place.LISTEN, by=leader, at=now())
    until(lambda: placed(party, Place.LISTEN))
    own = talking(leader)  # no action lets it come to this; the database has the last word

    Party.objects.filter(pk=party.pk).update(wanted=Place.TAKE_OVER)
    until(lambda: not Party.objects.live().exists())

    assert Party.objects.get(pk=party.pk).why == "failed"
    assert Call.objects.get(pk=call.pk).agent == call.agent
    assert {customer_leg(call.pk), agent_leg(call.pk), customer_leg(own.pk)} <= bench.legs()
    assert state_of(talking()) == CallState.TALKING  # others are called all the same


def test_a_dialer_that_starts_anew_finds_who_is_in_a_call_and_who_took_it() -> None:
    with dialing(outlives_us=True) as first:
        call = talking()
        ben = ready(make_agent())
        party = ask_colleague(
            call=call, colleague=ben, wanted=Place.TAKE_OVER, by=call.talker, at=now()
        )
        accept_call(party=party, by=ben, at=now())
        until(lambda: Call.objects.get(pk=call.pk).agent == ben)
        legs = first.legs()
    assert Party.objects.get(pk=party.pk).leg in legs
    assert state_of(call) == CallState.TALKING

    with dialing():  # another switch: nobody is there any more
        until(lambda: state_of(call) == CallState.ENDED)
        until(lambda: not Party.objects.live().exists())
    assert Call.objects.get(pk=call.pk).outcome == Outcome.INTERRUPTED
