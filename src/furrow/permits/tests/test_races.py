"""What holds when many ask at once, and after any sequence of events."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest
from django.db import connection, transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from furrow.compliance.actions import note_refusal, set_policy
from furrow.compliance.rules import SuppressionKind, policy_from
from furrow.compliance.tests.make import WEEK, make_body, make_suppression
from furrow.customers.models import Number
from furrow.customers.tests.make import make_customer, number_of
from furrow.organisation.models import User
from furrow.organisation.rules import Role
from furrow.organisation.tests.make import make_agent, make_team, make_user
from furrow.permits.actions import close_permit, request_permit, spend_permit
from furrow.permits.models import Denial, Permit
from furrow.permits.rules import Decision

from .make import MORNING

RACERS = 50
MINUTE = timedelta(minutes=1)


def race(work: Callable[[int], Decision]) -> list[Decision]:
    """Do `work` 50 times at the same moment, each on a connection of its own."""
    start = threading.Barrier(RACERS)

    def run(racer: int) -> Decision:
        try:
            connection.ensure_connection()
            start.wait()
            return work(racer)
        finally:
            connection.close()

    with ThreadPoolExecutor(RACERS) as pool:
        return list(pool.map(run, range(RACERS)))


@pytest.mark.django_db(transaction=True)
def test_fifty_people_racing_for_one_customer_get_one_permit() -> None:
    team = make_team()
    number = number_of(make_customer(team=team, at=MORNING))
    people = [make_user(role=Role.LEADER, team=team) for _ in range(RACERS)]

    def ask(racer: int) -> Decision:
        person = people[racer]
        return request_permit(number=number, agent=person, by=person, at=MORNING)[0]

    decisions = race(ask)

    assert [d.is_allowed for d in decisions].count(True) == 1
    assert {d.refusal.check for d in decisions if d.refusal} == {"line"}
    assert Permit.objects.count() == 1
    assert Denial.objects.count() == RACERS - 1


@pytest.mark.django_db(transaction=True)
def test_one_agent_racing_for_fifty_customers_gets_one_permit() -> None:
    agent = make_agent()
    numbers = [number_of(make_customer(owner=agent, at=MORNING)) for _ in range(RACERS)]

    def ask(racer: int) -> Decision:
        return request_permit(number=numbers[racer], agent=agent, by=agent, at=MORNING)[0]

    decisions = race(ask)

    assert [d.is_allowed for d in decisions].count(True) == 1
    assert {d.refusal.check for d in decisions if d.refusal} == {"line"}
    assert Denial.objects.count() == RACERS - 1


@pytest.mark.django_db(transaction=True)
def test_a_suppression_in_the_middle_of_a_race_ends_it() -> None:
    """Whatever is permitted once the suppression was confirmed cannot be dialled."""
    team = make_team()
    number = number_of(make_customer(team=team, at=MORNING))
    people = [make_user(role=Role.LEADER, team=team) for _ in range(RACERS)]
    manager = make_user(role=Role.MANAGER)
    confirmed = threading.Event()
    broke: list[str] = []

    def ask(racer: int) -> Decision:
        if racer == RACERS // 2:
            make_suppression(e164=number.e164, by=manager, at=MORNING)
            confirmed.set()
        was_confirmed = confirmed.is_set()
        person = people[racer]
        decision, permit = request_permit(number=number, agent=person, by=person, at=MORNING)
        if permit is not None and was_confirmed:
            broke.append(person.username)
        if permit is not None:
            close_permit(permit_id=permit.pk, at=MORNING)
        return decision

    race(ask)

    assert broke == []


# -- any sequence of events ------------------------------------------------------------------------

CAPS = {
    "number_caps": [{"most": 2, "minutes": 5}, {"most": 4, "minutes": 60}],
    "customer_caps": [{"most": 3, "minutes": 30}, {"most": 5, "minutes": 120}],
}
ALWAYS = make_body(
    windows=[{"weekdays": WEEK, "from": "00:00", "to": "24:00"}],
    silence_after_refusal_days=1,
    on_holidays=True,
    **CAPS,
)

event = st.tuples(
    st.sampled_from(["call", "call", "call", "call", "permit only", "refusal", "suppress"]),
    st.integers(0, 12).map(lambda n: n * MINUTE),  # after the event before
    st.integers(0, 1),  # which agent
    st.integers(0, 2),  # which number
    st.integers(0, 3),  # which campaign
)


@contextmanager
def undone() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.mark.django_db
@settings(max_examples=25)
@given(events=st.lists(event, max_size=30), suppresses=st.booleans())
def test_no_sequence_of_events_breaks_a_cap(
    events: list[tuple[str, timedelta, int, int, int]], suppresses: bool
) -> None:
    with undone():
        team = make_team()
        leaders = [make_user(role=Role.LEADER, team=team) for _ in range(2)]
        set_policy(region="CN", body=ALWAYS, note="", by=leaders[0], at=MORNING)
        customer = make_customer(
            numbers=[f"+861540000000{n}" for n in range(3)], team=team, at=MORNING
        )
        numbers = list(customer.numbers.order_by("pk"))
        at = MORNING
        quiet_from: dict[int, datetime] = {}
        for what, later, agent, which, campaign in events:
            at += later
            _happen(what, number=numbers[which], agent=leaders[agent], campaign=campaign, at=at,
                    suppresses=suppresses, quiet_from=quiet_from)  # fmt: skip
        _check_caps(numbers, quiet_from)


def _happen(
    what: str, *, number: Number, agent: User, campaign: int, at: datetime, suppresses: bool,
    quiet_from: dict[int, datetime],
) -> None:  # fmt: skip
    if what == "refusal":
        # Half a refusal's silence is never over within these sequences.
        if suppresses:
            note_refusal(e164=number.e164, origin="call:1", by=agent, at=at)
        return
    if what == "suppress":
        if suppresses:
            make_suppression(e164=number.e164, kind=SuppressionKind.INVALID, by=agent, at=at)
            quiet_from.setdefault(number.pk, at)
        return
    _decision, permit = request_permit(
        number=number, agent=agent, campaign_ref=campaign or None, by=agent, at=at
    )
    if permit is not None and what == "call":
        spend_permit(permit=permit, at=at)
    if permit is not None:
        close_permit(permit_id=permit.pk, at=at)


def _check_caps(numbers: list[Number], quiet_from: dict[int, datetime]) -> None:
    policy = policy_from(ALWAYS, region="CN", version=1)
    spent = Permit.objects.filter(spent_at__isnull=False).order_by("spent_at", "pk")
    dialled = [(p.number_id, p.spent_at) for p in spent if p.spent_at is not None]
    groups = [(policy.customer_caps, [at for _n, at in dialled])]
    groups += [
        (policy.number_caps, [at for n, at in dialled if n == number.pk]) for number in numbers
    ]
    for caps, instants in groups:
        for cap in caps:
            for last in instants:
                within = [t for t in instants if last - cap.within < t <= last]
                assert len(within) <= cap.most
    for number, at in dialled:
        assert at < quiet_from.get(number, at + MINUTE)
