from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from furrow.capture.rules import (
    DEFAULT_BODY,
    CannotCapture,
    Seen,
    is_from,
    most_within,
    read_hit,
    read_hosts,
    rule_met,
    rules_from,
)

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
RULES = rules_from(DEFAULT_BODY, version=1)


@pytest.mark.parametrize(
    ("seen", "rule"),
    [
        (Seen(), ""),
        (Seen(seconds=60), ""),  # over sixty
        (Seen(seconds=61), "stay"),
        (Seen(visits=[NOON]), ""),
        (Seen(visits=[NOON, NOON + timedelta(days=7)]), "again"),
        (Seen(visits=[NOON, NOON + timedelta(days=7, seconds=1)]), ""),
        (Seen(asked=True), "asked"),
        (Seen(seconds=61, asked=True), "stay"),
    ],
)
def test_a_long_stay_coming_back_or_asking_makes_a_lead(seen: Seen, rule: str) -> None:
    assert rule_met(seen, RULES) == rule


def test_a_rule_that_is_off_makes_no_lead() -> None:
    rules = rules_from({**DEFAULT_BODY, "seconds": None, "asked": False}, version=2)
    assert rule_met(Seen(seconds=900, asked=True), rules) == ""


@given(st.lists(st.integers(0, 60 * 24 * 40), max_size=12), st.integers(1, 20))
def test_most_within_counts_as_every_window_would(minutes: list[int], days: int) -> None:
    visits = [NOON + timedelta(minutes=m) for m in minutes]
    by_hand = max(
        (sum(0 <= (b - a).total_seconds() <= days * 86400 for b in visits) for a in visits),
        default=0,
    )
    assert most_within(visits, days=days) == by_hand


@given(
    st.integers(0, 500), st.lists(st.integers(0, 40), max_size=5), st.booleans(),
    st.integers(0, 500), st.lists(st.integers(0, 40), max_size=5), st.booleans(),
)  # fmt: skip
def test_more_of_anything_never_unmakes_a_lead(
    seconds: int, days: list[int], asked: bool, more: int, others: list[int], also: bool
) -> None:
    def seen(seconds: int, days: list[int], asked: bool) -> Seen:
        visits = [NOON + timedelta(days=day) for day in days]
        return Seen(seconds=seconds, visits=visits, asked=asked)

    if rule_met(seen(seconds, days, asked), RULES):
        assert rule_met(seen(seconds + more, days + others, asked or also), RULES)


@pytest.mark.parametrize(
    "change",
    [{"seconds": 0}, {"visits": 1}, {"days": None}, {"keep_days": 10**6},
     {"seconds": None, "visits": None, "asked": False}],
)  # fmt: skip
def test_rules_outside_their_range_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        rules_from({**DEFAULT_BODY, **change}, version=1)


def test_hosts_are_read_from_what_people_paste() -> None:
    assert read_hosts("https://shop.test/a\nwww.shop.test, 127.0.0.1:8000") == [
        "127.0.0.1", "shop.test", "www.shop.test",
    ]  # fmt: skip
    with pytest.raises(CannotCapture):
        read_hosts(" ")


@pytest.mark.parametrize(
    ("origin", "is_ours"),
    [("https://shop.test", True), ("http://shop.test:8002", True), ("https://evil.test", False),
     ("https://shop.test.evil.test", False), ("null", False), ("", False)],
)  # fmt: skip
def test_only_pages_of_our_hosts_are_heard(origin: str, is_ours: bool) -> None:
    assert is_from(origin, {"shop.test"}) is is_ours


VIEW = {"s": "abc", "k": "view", "v": "a" * 24, "i": "b" * 24, "p": "/x", "t": 0}
FORM = {
    "s": "abc", "k": "form", "v": "", "i": "b" * 24, "p": "/call", "y": True, "w": "I agree",
    "f": {"phone": "13800138000", "card": "4111"},
}  # fmt: skip


def test_a_form_keeps_the_fields_we_know_and_the_words_agreed_to() -> None:
    hit = read_hit(FORM)
    assert hit.given == {"phone": "13800138000", "words": "I agree", "asked": False}


@pytest.mark.parametrize(
    "said",
    [
        [], "x", None, {**VIEW, "k": "else"}, {**VIEW, "v": ""}, {**VIEW, "v": "<script>"},
        {**VIEW, "t": -1}, {**VIEW, "t": "9"}, {**VIEW, "i": ""}, {**VIEW, "p": 7},
        {**VIEW, "p": "\0"}, {**FORM, "y": False}, {**FORM, "w": ""}, {**FORM, "f": {}},
        {**FORM, "f": "x"},
    ],
)  # fmt: skip
def test_what_the_snippet_never_says_is_refused(said: object) -> None:
    with pytest.raises(ValueError, match=r".+"):
        read_hit(said)


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from("skviprtfywa"), inner),
))  # fmt: skip
def test_no_nonsense_gets_further_than_a_refusal(said: object) -> None:
    try:
        hit = read_hit(said)
    except ValueError:
        return
    assert len(hit.page) <= 300
