"""Hits become visits as the plain Python beside says, in whatever chunks they come."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from furrow.capture.actions import digest_hits
from furrow.capture.models import Enquiry, Hit, View, Visit, Visitor

from .make import GIVEN, make_hit, make_site

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
GAP = 30  # minutes, as delivered


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def by_hand(hits: Sequence[tuple[int, int, int, int]]) -> list[tuple[int, datetime, int, int]]:
    """(visitor, begin, views, longest stay) of each visit.

    hits  (visitor, view, minute it was opened, seconds it was looked at), by minute
    """
    visits: list[tuple[int, datetime, datetime, int, int]] = []
    for visitor, _view, minute, seconds in hits:
        now, until = at(minute), at(minute) + timedelta(seconds=seconds)
        latest = max((i for i, v in enumerate(visits) if v[0] == visitor), default=None)
        if latest is None or now - visits[latest][2] > timedelta(minutes=GAP):
            visits.append((visitor, now, until, 1, seconds))
        else:
            _who, begin, last, views, longest = visits[latest]
            visits[latest] = (
                visitor, begin, max(last, until), views + 1, max(longest, seconds)
            )  # fmt: skip
    return sorted((who, begin, views, longest) for who, begin, _last, views, longest in visits)


@settings(max_examples=30)
@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 300), st.integers(0, 300)), max_size=12),
    st.integers(1, 30),
)
def test_visits_are_those_plain_python_finds(opened: list[tuple[int, int, int]], most: int) -> None:
    Visitor.objects.all().delete()
    site = make_site()
    views = sorted({(who, minute): seconds for who, minute, seconds in opened}.items(),
                   key=lambda item: (item[0][1], item[0][0]))  # fmt: skip
    hits = [(who, n, minute, seconds) for n, ((who, minute), seconds) in enumerate(views)]
    told = [(at(minute), who, n, "view", 0) for who, n, minute, _seconds in hits]
    told += [
        (at(minute) + timedelta(seconds=seconds), who, n, "stay", seconds)
        for who, n, minute, seconds in hits
    ]
    for when, who, n, kind, seconds in sorted(told, key=lambda hit: (hit[0], hit[3] != "view")):
        make_hit(
            site=site, at=when, visitor=f"{who:024x}", view=f"{n:024x}", kind=kind, seconds=seconds
        )
    while digest_hits(most=most, at=NOON):
        pass
    found = sorted(
        (int(visit.visitor.key, 16), visit.started_at, visit.views, visit.longest_seconds)
        for visit in Visit.objects.filter(visitor__site=site).select_related("visitor")
    )
    assert found == by_hand(hits)
    assert not Hit.objects.exists()


def test_the_same_hit_told_twice_counts_once() -> None:
    site = make_site()
    for _time in range(2):
        make_hit(site=site, at=NOON, view="b" * 24)
        make_hit(site=site, at=NOON, kind="form", view="c" * 24, given=GIVEN)
        digest_hits(at=NOON)
    assert View.objects.count() == Visit.objects.count() == Enquiry.objects.count() == 1


def test_a_stay_that_overtakes_its_view_is_the_same_view() -> None:
    site = make_site()
    make_hit(site=site, at=at(1), kind="stay", view="b" * 24, seconds=61)
    digest_hits(at=NOON)
    make_hit(site=site, at=at(0), view="b" * 24)
    digest_hits(at=NOON)
    assert View.objects.get().seconds == 61


def test_reading_one_page_for_an_hour_is_one_visit() -> None:
    site = make_site()
    make_hit(site=site, at=at(0), view="b" * 24)
    digest_hits(at=NOON)
    make_hit(site=site, at=at(60), kind="stay", view="b" * 24, seconds=3600)
    digest_hits(at=NOON)
    visit = Visit.objects.get()
    assert (visit.longest_seconds, visit.last_at) == (3600, at(60))


def test_taking_consent_back_deletes_every_visit_and_no_other_visitors() -> None:
    site = make_site()
    make_hit(site=site, at=at(0))
    make_hit(site=site, at=at(0), visitor="b" * 24)
    digest_hits(at=NOON)
    make_hit(site=site, at=at(1), kind="forget")
    digest_hits(at=NOON)
    assert list(Visitor.objects.values_list("key", flat=True)) == ["b" * 24]
    assert Visit.objects.count() == View.objects.count() == 1


def test_a_form_of_somebody_whose_visits_are_not_kept_leaves_a_number_and_no_visitor() -> None:
    make_hit(site=make_site(), at=NOON, visitor="", kind="form", given=GIVEN)
    digest_hits(at=NOON)
    assert Enquiry.objects.get().visitor is None
    assert not Visitor.objects.exists()
