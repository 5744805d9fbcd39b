from datetime import timedelta

import pytest

from furrow.calls.actions import wrap_up_call
from furrow.calls.queries import calls_of, gauges, tell_calls
from furrow.calls.rules import CallState, Outcome
from furrow.calls.tests.make import make_call, make_disposition
from furrow.customers.tests.make import make_customer
from furrow.organisation.tests.make import NOON, make_agent

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


def test_the_timeline_tells_the_newest_calls_first() -> None:
    agent = make_agent()
    customer = make_customer(owner=agent)
    old = make_call(agent=agent, customer=customer, state=CallState.ENDED, talk_seconds=95)
    new = make_call(
        agent=agent, customer=customer, state=CallState.ENDED, outcome=Outcome.BUSY, at=NOON + HOUR
    )
    wrap_up_call(
        call=old, disposition=make_disposition(), cp=None, remark="Likes tea", by=agent,
        at=NOON + HOUR,
    )  # fmt: skip

    told = tell_calls(customer, None, 10)

    assert [moment.anchor for moment in told] == [f"calls.Call:{new.pk}", f"calls.Call:{old.pk}"]
    assert "1:35" in told[1].title
    assert told[1].body == "Likes tea"
    assert customer.numbers.get().e164[-8:] not in str(told)
    assert tell_calls(customer, NOON + HOUR, 10) == told[1:]
    assert [call.pk for call in calls_of(customer, most=1)] == [new.pk]


def test_gauges_count_this_moment() -> None:
    assert gauges().oldest_queued_at is None
    make_call()
    make_call(at=NOON + HOUR)
    make_call(state=CallState.TALKING)
    make_call(state=CallState.ENDED)

    now = gauges()

    assert now.in_progress == {
        CallState.QUEUED: 2, CallState.DIALING: 0, CallState.RINGING: 0, CallState.WAITING: 0,
        CallState.TALKING: 1,
    }  # fmt: skip
    assert now.oldest_queued_at == NOON
    assert now.unwrapped == 1
