from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from furrow.acquisition.models import Lead
from furrow.acquisition.queries import origins_of
from furrow.acquisition.rules import Basis
from furrow.acquisition.tests.make import make_source
from furrow.capture.actions import (
    digest_hits,
    forget_old,
    judge_waiting,
    save_site,
)
from furrow.capture.models import Enquiry, Visit, Visitor
from furrow.capture.queries import BOOK, to_judge
from furrow.capture.rules import DEFAULT_BODY, FIELDS, CannotCapture, read_hit
from furrow.compliance.models import Consent
from furrow.customers import holdings
from furrow.customers.actions import merge_customers
from furrow.customers.models import Customer
from furrow.customers.tests.make import make_customer
from furrow.organisation.actions import system_user
from furrow.organisation.rules import Role
from furrow.organisation.tests.make import make_user
from furrow.rulebooks.actions import set_rules
from furrow.rulebooks.queries import rules_at

from .make import GIVEN, key, make_enquiry, make_hit, make_site, stay

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def judge(at: datetime = NOON) -> int:
    return judge_waiting(by=system_user(), at=at)


def test_a_number_alone_is_no_lead_until_its_visitor_stays_long_enough() -> None:
    site = make_site()
    make_enquiry(site=site, at=NOON)
    assert judge() == 0
    assert not Customer.objects.exists()

    stay(site, NOON + timedelta(minutes=1), 75)
    assert judge(NOON + timedelta(minutes=3)) == 1

    lead = Lead.objects.get()
    basis = Basis.read(lead.basis)
    assert (basis.rule, basis.seconds, basis.page) == ("stay", 75, "/course")
    assert (basis.consented_at, basis.words) == (NOON, "I agree to be called")
    assert Visitor.objects.get().customer == lead.customer


def test_coming_back_within_a_week_makes_the_lead() -> None:
    site = make_site()
    stay(site, NOON - timedelta(days=6), 5)
    make_hit(site=site, at=NOON)
    make_enquiry(site=site, at=NOON)
    assert judge() == 1
    assert Basis.read(Lead.objects.get().basis).rule == "again"


def test_judged_again_it_makes_no_second_lead() -> None:
    site = make_site()
    make_enquiry(site=site, at=NOON, asked=True)
    assert [judge(), judge()] == [1, 0]
    assert Lead.objects.count() == 1


def test_a_changed_rule_judges_those_who_wait_and_the_lead_names_its_version() -> None:
    site = make_site()
    stay(site, NOON, 30)
    make_enquiry(site=site, at=NOON + timedelta(minutes=1))
    assert judge(NOON + timedelta(minutes=2)) == 0
    by = make_user(role=Role.OPERATIONS)

    body = {**DEFAULT_BODY, "seconds": 20}
    set_rules(book=BOOK, body=body, note="quicker", by=by, at=NOON + timedelta(minutes=3))

    assert judge(NOON + timedelta(minutes=3)) == 1
    assert Basis.read(Lead.objects.get().basis).version == 1


def test_consent_is_noted_for_the_number_with_where_the_proof_lies() -> None:
    make_enquiry(site=make_site(), at=NOON, asked=True)
    judge()
    noted = Consent.objects.order_by("purpose").values_list(
        "e164", "purpose", "evidence", "basis", "at"
    )  # fmt: skip
    assert list(noted) == [
        ("+8613800138000", "callback", "shop.test/", "web", NOON),
        ("+8613800138000", "sales", "shop.test/", "web", NOON),
    ]


def test_the_record_says_where_when_and_on_what_ground() -> None:
    site = make_site()
    make_enquiry(site=site, at=NOON)
    stay(site, NOON, 90, page="/ai-course/")
    judge()
    [origin] = origins_of(Customer.objects.get(), user=make_user(role=Role.MANAGER))
    assert origin.basis.because == "Stayed 90 s on a page (rules, version 0)"
    assert origin.basis.site + origin.basis.page == "shop.test/ai-course/"
    moments = holdings.timeline(Customer.objects.get(), before=None, most=10)
    assert f"Visited {site.name}" in [moment.title for moment in moments]


def test_somebody_known_gets_one_more_origin_and_keeps_owner_and_name() -> None:
    owner = make_user(role=Role.AGENT)
    known = make_customer(name="林先生", numbers=["+8613800138000"], owner=owner)
    make_enquiry(site=make_site(), at=NOON, asked=True)
    judge()
    known.refresh_from_db()
    assert (known.name, known.owner) == ("林先生", owner)
    assert not Lead.objects.get().is_first


def test_what_is_no_number_is_kept_with_its_problem_and_asked_no_more() -> None:
    make_enquiry(site=make_site(), at=NOON, asked=True, phone="12345")
    assert judge() == 0
    assert "phone number" in Enquiry.objects.get().problem
    assert judge() == 0


def test_a_strangers_number_is_not_added_to_whoever_has_the_same_name_and_e_mail() -> None:
    known = make_customer(name="林晓", numbers=["+8613800138009"])
    Customer.objects.filter(pk=known.pk).update(email="lin@mail.test", city="深圳")
    make_enquiry(site=make_site(), at=NOON, asked=True, email="lin@mail.test", city="深圳")
    assert judge() == 1
    assert Lead.objects.get().customer != known
    assert known.numbers.count() == 1


def test_one_visitor_with_many_numbers_keeps_nobody_waiting() -> None:
    site = make_site()
    many = [make_enquiry(site=site, at=NOON, phone=f"138001380{n:02}") for n in range(3)]
    rules = rules_at(BOOK, NOON)
    assert judge() == 0
    make_hit(site=site, at=NOON + timedelta(seconds=5))
    digest_hits(at=NOON)
    late = NOON + timedelta(seconds=10)
    assert not to_judge(rules, at=late), "each at most once a minute"

    make_hit(site=site, at=late, visitor="b" * 24, kind="form", given={**GIVEN, "asked": True})
    digest_hits(at=late)
    fresh = Enquiry.objects.latest("pk")
    in_order = to_judge(rules, at=NOON + timedelta(minutes=1))
    assert in_order == [fresh, *many], "who was never judged comes first"


def test_whoever_asks_is_forgotten_with_all_the_visits_in_few_statements(
    django_assert_max_num_queries: Any,
) -> None:
    site = make_site()
    stay(site, NOON, 5)
    left = make_enquiry(site=site, at=NOON)
    for n in range(20):
        make_hit(site=site, at=NOON, visitor=f"{n:024x}")
    digest_hits(at=NOON)
    for n in range(20):
        make_hit(site=site, at=NOON, visitor=f"{n:024x}", kind="forget")
    make_hit(site=site, at=NOON, kind="forget")
    with django_assert_max_num_queries(12):
        digest_hits(at=NOON)
    assert not Visitor.objects.exists()
    assert not Visit.objects.exists()
    left.refresh_from_db()
    assert left.visitor is None


def test_a_form_that_breaks_something_stops_nobody_and_is_asked_no_more() -> None:
    site = make_site()
    broken = make_enquiry(site=site, at=NOON, asked=True, city="x" * 200)  # stored before the cut
    make_enquiry(site=site, at=NOON, asked=True, phone="13800138001")
    assert [judge(), judge(NOON + timedelta(hours=1))] == [1, 0]
    broken.refresh_from_db()
    assert "DataError" in broken.problem
    assert Lead.objects.get().customer.numbers.get().e164 == "+8613800138001"


def test_a_form_gives_no_more_than_a_record_has_room_for() -> None:
    said = {
        "k": "form", "s": "x", "i": "a" * 16, "y": True, "w": "I agree",
        "f": dict.fromkeys(FIELDS, "x" * 5000),
    }  # fmt: skip
    given = read_hit(said).given or {}
    for name in ("name", "city", "email"):
        room = getattr(Customer._meta.get_field(name), "max_length", None)
        assert len(given[name]) == room, name
    assert len(given["company"]) == len(given["name"])


def test_visits_and_numbers_without_a_lead_are_deleted_when_they_are_old() -> None:
    site = make_site()
    stay(site, NOON - timedelta(days=91), 5)
    make_enquiry(site=site, at=NOON - timedelta(days=91))
    make_hit(site=site, at=NOON, visitor="b" * 24, view=key())
    make_enquiry(site=site, at=NOON)  # the same visitor comes back: nothing of it is old
    assert forget_old(by=system_user(), at=NOON) == 0
    assert forget_old(by=system_user(), at=NOON + timedelta(days=91)) == 2
    assert not Visit.objects.exists()
    assert not Enquiry.objects.exists()


def test_visits_follow_a_merge() -> None:
    site = make_site()
    make_enquiry(site=site, at=NOON, asked=True)
    judge()
    first, other = Customer.objects.get(), make_customer()
    by = make_user(role=Role.MANAGER)
    merge_customers(duplicate=first, into=other, reasons=[], by=by, at=NOON)
    assert Visitor.objects.get().customer == other


def test_a_site_needs_a_name_of_its_own_and_a_host() -> None:
    site = make_site(name="Shop")
    with pytest.raises(CannotCapture):
        make_site(name="Shop")
    with pytest.raises(CannotCapture):
        save_site(site=site, name="Shop", hosts="", source=make_source(), by=system_user(), at=NOON)
