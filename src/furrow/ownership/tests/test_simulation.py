"""Rules tried on the past say what really happened, and what would have."""

from collections import Counter
from datetime import timedelta

import pytest

from furrow.customers.models import Customer
from furrow.customers.tests.make import make_customer
from furrow.organisation.models import User
from furrow.organisation.tests.make import NOON, make_agent
from furrow.ownership.actions import return_due
from furrow.ownership.models import Return
from furrow.ownership.rules import DAY
from furrow.ownership.simulation import simulate

from .make import make_act, make_body, put_in_force

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


def make_house() -> tuple[User, list[Customer]]:
    """Twelve customers taken over at noon; each second one is talked with on a day of its own."""
    agent = make_agent()
    customers = [make_customer(owner=agent) for _ in range(12)]
    return agent, customers


def live(agent: User, customers: list[Customer], *, nights: int) -> None:
    """Work the customers by day and run every night."""
    for n in range(1, nights + 1):
        for place, customer in enumerate(customers):
            customer.refresh_from_db()
            if place % 2 and place // 2 == n % 6 and customer.owner == agent:
                make_act(customer=customer, by=agent, at=NOON + n * DAY - HOUR)
        return_due(at=NOON + n * DAY)


def test_the_nights_of_the_past_are_judged_by_the_rules_of_their_time() -> None:
    """What the trial tells of the rules of those days is what the nights really did."""
    put_in_force(clocks={"first_days": 2, "next_days": 5})
    agent, customers = make_house()
    live(agent, customers, nights=3)
    put_in_force(at=NOON + 3 * DAY + HOUR, clocks={"first_days": 9, "next_days": 9})
    live(agent, customers, nights=0)
    for n in range(4, 7):
        return_due(at=NOON + n * DAY)
    put_in_force(at=NOON + 6 * DAY + HOUR, clocks={"first_days": 4, "next_days": 4})
    for n in range(7, 12):
        return_due(at=NOON + n * DAY)

    at = NOON + 11 * DAY + HOUR
    trial = simulate(body=make_body(clocks={"first_days": 30, "next_days": 30}), days=11, at=at)

    really = Counter(Return.objects.filter(state="returned").values_list("rule_version", flat=True))
    assert len(really) == 2, "two of the three versions took customers"
    assert trial.before == sum(really.values())
    assert trial.lost == 0
    [row] = trial.owners
    assert (row.tried, row.present) == (0, trial.before)


def test_the_rules_tried_would_have_lost_what_they_lose_when_they_are_in_force() -> None:
    body = make_body(clocks={"first_days": 3, "next_days": 6})
    agent, customers = make_house()
    for place in (1, 3):
        make_act(customer=customers[place], by=agent, at=NOON + DAY)

    tried = simulate(body=body, days=10, at=NOON + 9 * DAY + HOUR)
    put_in_force(clocks={"first_days": 3, "next_days": 6})
    for n in range(1, 10):
        return_due(at=NOON + n * DAY)

    lost = set(Return.objects.filter(state="returned").values_list("customer", flat=True))
    assert lost
    assert {row.customer.pk for row in tried.rows} == lost
    assert tried.before == 0, "nothing was in force yet: nobody would have lost anybody"


def test_what_was_sold_after_it_would_have_been_lost_is_told_first() -> None:
    agent, customers = make_house()
    sold = customers[7]
    make_act(customer=sold, by=agent, at=NOON + 8 * DAY, is_deal=True)

    trial = simulate(body=make_body(clocks={"first_days": 2}), days=10, at=NOON + 9 * DAY)

    assert (trial.lost, trial.sold) == (12, 1)
    assert trial.rows[0].customer == sold
    assert trial.rows[0].sold_at == NOON + 8 * DAY
