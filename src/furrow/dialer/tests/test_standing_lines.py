"""Agents' own lines: they stand as long as a phone is open, and calls are joined to them."""

from datetime import UTC, datetime

import pytest
from django.conf import LazySettings

from furrow.calls.models import Call
from furrow.calls.rules import CallState
from furrow.customers.tests.make import make_customer, number_of
from furrow.dialer.actions import raise_line, start_call
from furrow.dialer.models import Line
from furrow.dialer.queries import lines_wanted, usable_line
from furrow.dialer.rules import RAISE_AGAIN, CannotCall, agent_leg, customer_leg
from furrow.organisation.models import Presence, User
from furrow.organisation.rules import PresenceState, Role
from furrow.organisation.tests.make import NOON, make_agent, make_user
from furrow.phones.actions import close_phone, open_phone
from furrow.phones.models import Account
from furrow.phones.rules import AccountState

from .test_loop import STAYS, dialing, queue_call, state_of, until

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
