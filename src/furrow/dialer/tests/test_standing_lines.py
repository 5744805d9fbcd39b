"""Agents' own lines: they stand as long as a phone is open, and calls are joined to them."""

from datetime import UTC, datetime

import pytest
from django.conf import LazySettings

from furrow.calls.models import Call
from furrow.calls.rules import CallState
from furrow.customers.tests.make import make_customer, number_of
from furrow.dialer.actions import (
    accept_call,
    ask_colleague,
    ask_hold,
    ask_mute,
    move_party,
    raise_line,
    start_call,
)
from furrow.dialer.models import Line, Party, Talk
from furrow.dialer.queries import lines_wanted, usable_line
from furrow.dialer.rules import RAISE_AGAIN, CannotCall, Place, agent_leg, customer_leg
from furrow.organisation.models import Presence, User
from furrow.organisation.rules import PresenceState, Role
from furrow.organisation.tests.make import NOON, make_agent, make_user
from furrow.phones.actions import close_phone, open_phone
from furrow.phones.models import Account
from furrow.phones.rules import AccountState

from .test_loop import STAYS, dialing, queue_call, state_of, until
from .test_talks_loop import Told

pytestmark = pytest.mark.django_db(transaction=True)


def now() -> datetime:
    return datetime.now(UTC)


def at_work(agent: User) -> User:
    Presence.objects.update_or_create(
        user=agent, defaults={"state": PresenceState.READY, "since": now(), "seen_at": now()}
    )
    return agent


def is_up(agent: User) -> bool:
    return Line.objects.filter(agent=agent, up_at__isnull=False).exists()


def test_an_open_phone_has_a_line_that_stands_and_calls_are_joined_to_it() -> None:
    agent = at_work(make_agent())
    open_phone(agent=agent, at=now())

    with dialing() as bench:
        until(lambda: is_up(agent))
        line = Line.objects.get(agent=agent).leg
        call = queue_call(STAYS, agent=agent)
        until(lambda: state_of(call) == CallState.TALKING)
        assert bench.legs() == {line, customer_leg(call.pk)}  # none was rung for this call
        bench.do(lambda: bench.switch.far_hang_up(customer_leg(call.pk)))
        until(lambda: state_of(call) == CallState.ENDED)
        assert line in bench.legs()

        close_phone(agent=agent, at=now())
        until(lambda: line not in bench.legs())


def test_a_new_phone_window_takes_the_call_along() -> None:
    agent = at_work(make_agent())
    open_phone(agent=agent, at=now())

    with dialing() as bench:
        until(lambda: is_up(agent))
        old = Line.objects.get(agent=agent).leg
        call = queue_call(STAYS, agent=agent)
        until(lambda: state_of(call) == CallState.TALKING)

        open_phone(agent=agent, at=now())  # the window was loaded anew

        until(lambda: is_up(agent) and Line.objects.get(agent=agent).leg != old)
        new = Line.objects.get(agent=agent).leg
        until(lambda: bench.legs() == {new, customer_leg(call.pk)})
        assert state_of(call) == CallState.TALKING


def test_a_new_phone_window_is_as_unheard_as_the_old_one_was() -> None:
    agent = at_work(make_agent())
    open_phone(agent=agent, at=now())

    with dialing() as bench:
        told = Told(bench)
        until(lambda: is_up(agent))
        old = Line.objects.get(agent=agent).leg
        call = queue_call(STAYS, agent=agent)
        customer = customer_leg(call.pk)
        until(lambda: state_of(call) == CallState.TALKING)
        ask_mute(call=call, is_muted=True, by=agent, at=now())
        until(lambda: Talk.objects.filter(pk=call.pk, is_muted=True).exists())

        open_phone(agent=agent, at=now())

        until(lambda: ("connect", customer, renewed(agent, old)) in told.commands)
        new = renewed(agent, old)
        assert told.commands.index(("mute", new)) < told.commands.index(("connect", customer, new))
        assert Talk.objects.get(pk=call.pk).is_muted


def test_a_new_phone_window_leaves_who_waits_waiting_and_takes_the_helper_along() -> None:
    agent, helper = at_work(make_agent()), at_work(make_agent())
    open_phone(agent=agent, at=now())

    with dialing() as bench:
        told = Told(bench)
        until(lambda: is_up(agent))
        old = Line.objects.get(agent=agent).leg
        call = queue_call(STAYS, agent=agent)
        customer = customer_leg(call.pk)
        until(lambda: state_of(call) == CallState.TALKING)
        call.refresh_from_db()
        party = ask_colleague(call=call, colleague=helper, wanted=Place.CONSULT, by=agent, at=now())
        accept_call(party=party, by=helper, at=now())
        until(lambda: Party.objects.filter(pk=party.pk, place=Place.CONSULT).exists())

        open_phone(agent=agent, at=now())

        leg = Party.objects.get(pk=party.pk).leg
        until(lambda: ("connect", renewed(agent, old), leg) in told.commands)
        new = renewed(agent, old)
        assert ("connect", customer, new) not in told.commands
        move_party(party=party, wanted=Place.GONE, by=agent, at=now())
        until(lambda: ("connect", customer, new) in told.commands)


def renewed(agent: User, old: str) -> str:
    leg = Line.objects.get(agent=agent).leg
    return leg if leg != old else ""


def test_a_line_that_falls_and_comes_back_is_as_unheard_as_before() -> None:
    with dialing() as bench:
        told = Told(bench)
        call = queue_call(STAYS)
        customer, again = customer_leg(call.pk), agent_leg(call.pk, 2)
        until(lambda: state_of(call) == CallState.TALKING)
        call.refresh_from_db()
        ask_mute(call=call, is_muted=True, by=call.talker, at=now())
        ask_hold(call=call, is_held=True, by=call.talker, at=now())
        until(lambda: Talk.objects.filter(pk=call.pk, is_muted=True, is_held=True).exists())

        bench.do(lambda: bench.switch.far_hang_up(agent_leg(call.pk)))

        until(lambda: ("mute", again) in told.commands)
        assert ("connect", customer, again) not in told.commands
        ask_hold(call=call, is_held=False, by=call.talker, at=now())
        until(lambda: ("connect", customer, again) in told.commands)
        assert Talk.objects.get(pk=call.pk).is_muted


def test_without_a_phone_a_line_is_rung_for_each_call() -> None:
    with dialing() as bench:
        call = queue_call(STAYS)
        until(lambda: state_of(call) == CallState.TALKING)
        assert agent_leg(call.pk) in bench.legs()


def test_whoever_has_no_desk_has_a_line_by_an_open_phone() -> None:
    reviewer = make_user(role=Role.QA)
    open_phone(agent=reviewer, at=NOON)
    Account.objects.update(state=AccountState.GIVEN, password="")

    assert [line.agent_id for line in lines_wanted(at=NOON)] == [reviewer.pk]
    close_phone(agent=reviewer, at=NOON)
    assert lines_wanted(at=NOON) == []


def test_a_line_just_rung_may_be_joined_and_one_that_does_not_come_may_not() -> None:
    agent = make_agent()
    leg = raise_line(agent_id=agent.pk, at=NOON)

    assert usable_line(agent, at=NOON) == leg
    assert usable_line(agent, at=NOON + RAISE_AGAIN) is None


def test_nobody_real_is_called_without_a_phone(settings: LazySettings) -> None:
    settings.NEEDS_PHONES = True
    agent = at_work(make_agent())
    number = number_of(make_customer(owner=agent))

    with pytest.raises(CannotCall, match="phone is not connected"):
        start_call(number=number, agent=agent, by=agent, at=NOON)

    assert not Call.objects.exists()
