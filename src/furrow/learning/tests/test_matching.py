"""Dealing by match: the numbers of a deal by share, other customers, and a share to compare."""

from collections import Counter
from datetime import timedelta

import pytest

from furrow.calls.models import Call
from furrow.customers.models import Customer
from furrow.customers.tests.make import make_customer
from furrow.learning.actions import learn_who_suits
from furrow.learning.models import Learned, Match
from furrow.learning.queries import fits_data, gain_of_matching
from furrow.learning.rules import What
from furrow.organisation.actions import system_user
from furrow.organisation.models import User
from furrow.organisation.rules import Role
from furrow.organisation.tests.make import NOON, make_agent, make_user
from furrow.science.matching import learn_fits
from furrow.teamwork.actions import deal_customers, save_profile
from furrow.teamwork.queries.dealing import Offer, propose

from .make import make_calls

pytestmark = pytest.mark.django_db


def _pool(count: int, *, sex: str, city: str = "") -> list[int]:
    return [make_customer(profile={"sex": sex}, city=city).pk for _customer in range(count)]


def _suits(first: User, second: User) -> None:
    """The first does well with women, the second with men."""
    counts = {
        (first.pk, "person/f"): (500, 250), (first.pk, "person/m"): (500, 50),
        (second.pk, "person/f"): (500, 50), (second.pk, "person/m"): (500, 250),
    }  # fmt: skip
    Learned.objects.create(
        what=What.FITS, body=fits_data(learn_fits(counts)), figures={"has_effect": True},
        calls=2000, since=NOON, until=NOON, at=NOON,
    )  # fmt: skip


def test_each_gets_as_many_as_by_share_but_those_who_suit() -> None:
    first, second = make_agent(), make_agent()
    _suits(first, second)
    ids = _pool(30, sex="f") + _pool(30, sex="m")
    offer = Offer([first, second], seed=5, strategy="match")

    proposal = propose(ids, offer, at=NOON)

    assert Counter(proposal.deal.given.values()) == {first.pk: 30, second.pk: 30}
    assert proposal.dealt is not None
    assert len(proposal.dealt.drawn) == 12  # a fifth is dealt as by share
    suited = [pk for pk in ids if pk not in proposal.dealt.drawn]
    women = set(ids[:30])
    right = sum((pk in women) == (proposal.deal.given[pk] == first.pk) for pk in suited)
    assert right >= len(suited) - 12  # the rooms of the drawn ones may leave some over
    assert proposal.dealt.yeses > 1.3 * proposal.dealt.usual
    assert propose(ids, offer, at=NOON) == proposal


def test_profiles_bind_and_nothing_known_changes_only_who() -> None:
    first, second = make_agent(), make_agent()
    save_profile(
        user=first, share=100, most=None, accepts={"region": ["Hue"]},
        by=make_user(role=Role.MANAGER), at=NOON,
    )  # fmt: skip
    ids = _pool(10, sex="f", city="Hue") + _pool(10, sex="m", city="Vinh")

    plain = propose(ids, Offer([first, second], seed=1), at=NOON)
    matched = propose(ids, Offer([first, second], seed=1, strategy="match"), at=NOON)

    assert Counter(matched.deal.given.values()) == Counter(plain.deal.given.values())
    cities = dict(Customer.objects.values_list("pk", "city"))
    assert {cities[pk] for pk, who in matched.deal.given.items() if who == first.pk} <= {"Hue"}


def test_who_was_dealt_how_is_kept_and_compared_after_thirty_days() -> None:
    first, second = make_agent(), make_agent()
    make_calls(agent=first)
    learn_who_suits(by=system_user(), at=NOON)
    ids = _pool(20, sex="f")
    boss = make_user(role=Role.MANAGER)

    deal_customers(
        customer_ids=ids, offer=Offer([first, second], seed=5, strategy="match"), by=boss, at=NOON
    )

    assert Match.objects.count() == 20
    assert Match.objects.filter(is_drawn=True).count() == 4
    assert gain_of_matching(at=NOON).matched == (0, 0)
    match = Match.objects.filter(is_drawn=False).first()
    assert match is not None
    sale = Call.objects.filter(cp=4).first()
    assert sale is not None
    Call.objects.filter(pk=sale.pk).update(
        customer=match.customer, agent=match.agent, queued_at=NOON + timedelta(days=3)
    )
    later = gain_of_matching(at=NOON + timedelta(days=31))
    assert (later.matched, later.random) == ((16, 1), (4, 0))
