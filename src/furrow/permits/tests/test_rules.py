from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.utils.translation import override
from hypothesis import given, settings
from hypothesis import strategies as st

from furrow.common.phone import destination_of
from furrow.compliance.rules import DayKind, SuppressionKind
from furrow.compliance.tests.make import make_policy
from furrow.permits.rules import (
    CHECK_NAMES,
    CHECKS,
    CampaignWindow,
    ConsentGiven,
    Facts,
    NotPermitted,
    Objection,
    Purpose,
    decide,
    next_no,
)

SHANGHAI = ZoneInfo("Asia/Shanghai")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TEN = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)  # Monday, 10:00 in Shanghai


@pytest.fixture(autouse=True)
def _in_english() -> Iterator[None]:
    with override("en"):
        yield


def make_facts(**changes: Any) -> Facts:
    """Nothing stands in the way, unless `changes` puts it there."""
    facts: dict[str, Any] = {
        "suppressions": [],
        "policy": make_policy(),
        "zones": [SHANGHAI],
        "days": {},
        "number_dialled_at": [],
        "customer_dialled_at": [],
        "refused_at": None,
        "owner_id": 7,
        "owner_name": "Lin",
        "agent_id": 7,
        "agent_is_active": True,
        "agent_may_call": True,
        "may_call_unowned": False,
        "on_the_line": None,
        "agent_is_on_the_line": False,
        "campaign": None,
    }
    return Facts(**(facts | changes))


def campaign(*, opens: int = 9, closes: int = 20, is_running: bool = True) -> CampaignWindow:
    return CampaignWindow(opens * 60, closes * 60, is_running, "Spring")


def test_when_nothing_stands_in_the_way_every_check_says_yes_in_order() -> None:
    decision = decide(make_facts(campaign=campaign()), at=TEN)

    assert decision.is_allowed
    assert [a.check for a in decision.answers] == list(CHECK_NAMES)


@pytest.mark.parametrize(
    ("shown", "is_called", "says"),
    [
        ("+19005551234", True, "Premium"),
        ("+864001234567", True, "Shared-cost"),
        ("+447012345678", True, "Personal"),
        ("+881612345678", True, "satellite"),
        ("+13101551234", True, "no country"),
        ("+18095551234", False, "DO"),
    ],
)
def test_numbers_that_cost_us_and_countries_we_do_not_call_are_never_dialled(
    shown: str, is_called: bool, says: str
) -> None:
    facts = make_facts(destination=destination_of(shown), is_country_called=is_called)
    decision = decide(facts, at=TEN)

    assert decision.refusal is not None
    assert (decision.refusal.check, decision.refusal.rule) == ("destination", "D4")
    assert says in decision.refusal.why
    assert decision.changes_at is None


CAPPED = make_policy(
    number_caps=[{"most": 2, "minutes": 60}], customer_caps=[{"most": 3, "minutes": 1440}]
)
QUIET = make_policy(silence_after_refusal_days=14)


@pytest.mark.parametrize(
    ("changes", "check", "rule", "next_at", "says"),
    [
        (
            {"suppressions": [(SuppressionKind.OPTED_OUT, "by post", None)]},
            "suppression", "C4", None, "by post",
        ),
        (
            {"suppressions": [(SuppressionKind.COMPLAINT, "", TEN + 3 * DAY)]},
            "suppression", "C4", TEN + 3 * DAY, "Complained",
        ),
        (
            {"zones": [ZoneInfo("Europe/Paris")]},
            "hours", "D4", datetime(2026, 3, 2, 8, 0, tzinfo=UTC), "Europe/Paris",
        ),
        (
            {"days": {date(2026, 3, 2): DayKind.HOLIDAY}},
            "hours", "D4", TEN - HOUR + DAY, "2026-03-03 09:00",
        ),
        ({"policy": make_policy(windows=[])}, "hours", "D4", None, "no day"),
        ({"campaign": campaign(opens=13)}, "campaign", "D4", TEN + 3 * HOUR, "Spring"),
        ({"campaign": campaign(closes=10)}, "campaign", "D4", TEN - HOUR + DAY, "Spring"),
        ({"campaign": campaign(is_running=False)}, "campaign", "D4", None, "not running"),
        (
            {"policy": CAPPED, "number_dialled_at": [TEN - HOUR / 2, TEN - HOUR / 4]},
            "caps", "D4", TEN + HOUR / 2, "this number",
        ),
        (
            {"policy": CAPPED, "customer_dialled_at": [TEN - 2 * HOUR] * 3},
            "caps", "D4", TEN + 22 * HOUR, "this customer",
        ),
        (
            {"policy": QUIET, "refused_at": TEN - DAY},
            "silence", "E1", TEN + 13 * DAY, "in peace",
        ),
        (
            {"consent": ConsentGiven(False, TEN - DAY)},
            "consent", "I1", None, "withdrew",
        ),
        ({"policy": make_policy(consent_for=["sales"])}, "consent", "I1", None, "agreed"),
        (
            {
                "policy": make_policy(consent_for=["sales"]),
                "consent": ConsentGiven(True, TEN - DAY, TEN - HOUR),
            },
            "consent", "I1", None, "agreed",
        ),
        ({"registers": ["TPS"]}, "registers", "D4", None, "TPS"),
        (
            {"zones": [SHANGHAI, ZoneInfo("Asia/Dubai")]},  # 06:00 there
            "hours", "D4", datetime(2026, 3, 2, 5, 0, tzinfo=UTC), "Asia/Dubai",
        ),
        (
            {"objections": [Objection("F6", "An open complaint.")]},
            "objections", "F6", None, "complaint",
        ),
        ({"agent_is_active": False}, "agent", "I3", None, "may not"),
        ({"agent_may_call": False}, "agent", "I3", None, "may not"),
        ({"owner_id": 8}, "ownership", "B3", None, "Lin"),
        ({"owner_id": None}, "ownership", "B3", None, "Claim it first"),
        ({"on_the_line": "Zhou"}, "line", "D4", None, "Zhou"),
        ({"agent_is_on_the_line": True}, "line", "D4", None, "on the line already"),
    ],
)  # fmt: skip
def test_each_check_refuses_with_its_rule_and_next_moment(
    changes: dict[str, Any], check: str, rule: str, next_at: datetime | None, says: str
) -> None:
    decision = decide(make_facts(**changes), at=TEN)

    refusal = decision.refusal
    assert refusal is not None
    told = (refusal.check, refusal.rule, refusal.next_at)
    assert told == (check, rule, next_at)
    assert says in refusal.why
    # What waits longest decides: a cap that ends at eight in the morning waits for nine.
    assert decision.changes_at == (TEN + 23 * HOUR if says == "this customer" else next_at)
    assert decision.answers[-1] == refusal  # nothing is asked after the first "no"
    assert NotPermitted(decision).rule == rule


@pytest.mark.parametrize(
    "changes",
    [
        {"policy": QUIET, "refused_at": TEN - 14 * DAY},
        {"policy": QUIET, "refused_at": TEN - DAY, "purpose": Purpose.CALLBACK},
        {"policy": CAPPED, "number_dialled_at": [TEN - HOUR, TEN - HOUR]},
        {"owner_id": None, "may_call_unowned": True},
        {"owner_id": 8, "is_collaborator": True},
        {
            "policy": make_policy(consent_for=["sales"]),
            "consent": ConsentGiven(True, TEN - DAY),
            "registers": ["TPS"],  # asked for it by name
        },
        {"registers": ["TPS"], "purpose": Purpose.SERVICE},
        {"objections": [Objection("F6", "It was open.", until=TEN)]},
    ],
)
def test_what_no_longer_stands_in_the_way(changes: dict[str, Any]) -> None:
    assert decide(make_facts(**changes), at=TEN).is_allowed


@pytest.mark.parametrize("purpose", list(Purpose))
@pytest.mark.parametrize("kind", list(SuppressionKind))
def test_no_purpose_opens_a_suppressed_number(purpose: Purpose, kind: SuppressionKind) -> None:
    facts = make_facts(suppressions=[(kind, "", None)], purpose=purpose, may_call_unowned=True)

    assert not decide(facts, at=TEN).is_allowed


def test_every_check_has_a_name_for_people() -> None:
    names: Sequence[str] = [check.__name__.removeprefix("_") for check in CHECKS]

    assert names == list(CHECK_NAMES)


@pytest.mark.parametrize(
    ("minutes", "said"),
    [(1, "1 minute "), (5, "5 minutes"), (90, "90 minutes"), (1440, "24 hours"), (10080, "7 days")],
)
def test_the_span_of_a_cap_is_said_as_people_say_it(minutes: int, said: str) -> None:
    policy = make_policy(number_caps=[{"most": 1, "minutes": minutes}])

    refusal = decide(make_facts(policy=policy, number_dialled_at=[TEN]), at=TEN).refusal

    assert refusal is not None
    assert f"within {said}" in refusal.why


def test_hours_that_never_open_are_told_without_a_moment() -> None:
    refusal = decide(make_facts(policy=make_policy(windows=[])), at=TEN).refusal

    assert refusal is not None
    assert refusal.next_at is None
    assert refusal.why.endswith("no day of the next year is open.")


def test_the_next_moment_is_when_everything_says_yes_not_only_the_first_no() -> None:
    """Closed until nine, refused until Thursday noon, and capped in between."""
    facts = make_facts(
        policy=make_policy(
            silence_after_refusal_days=3,
            number_caps=[{"most": 1, "minutes": 4 * 1440}],
            windows=[{"weekdays": [0, 1, 2, 3, 4], "from": "09:00", "to": "20:00"}],
        ),
        refused_at=TEN,
        number_dialled_at=[TEN + HOUR],
    )

    decision = decide(facts, at=TEN + 12 * HOUR)  # 22:00 there

    # Free of the cap on Friday at 11:00, long after the hours open and the silence ends.
    assert decision.refusal is not None
    assert decision.refusal.check == "hours"
    assert decision.changes_at == TEN + HOUR + 4 * DAY


def test_a_yes_ends_when_the_first_clock_closes() -> None:
    facts = make_facts(zones=[SHANGHAI, ZoneInfo("Asia/Tokyo")], campaign=campaign(closes=24))

    assert next_no(facts, at=TEN) == TEN + 9 * HOUR  # 20:00 in Tokyo is 19:00 in Shanghai
    assert next_no(make_facts(campaign=campaign(closes=15)), at=TEN) == TEN + 5 * HOUR


ZONES = st.sampled_from(
    ["Asia/Shanghai", "Europe/Paris", "America/New_York", "America/Los_Angeles", "Asia/Kolkata"]
)
MINUTES = st.integers(0, 60 * 24 * 20)


@settings(max_examples=150, deadline=None)
@given(
    zones=st.lists(ZONES, min_size=1, max_size=2, unique=True),
    start=MINUTES,
    dialled=st.lists(MINUTES, max_size=6),
    refused=st.none() | MINUTES,
    suppressed=st.none() | MINUTES,
    opens=st.integers(6, 12),
    holiday=st.integers(0, 20),
    looked=st.lists(st.floats(0, 0.999), min_size=5, max_size=5),
)
def test_before_the_next_moment_it_is_no_and_then_yes(
    zones: list[str],
    start: int,
    dialled: list[int],
    refused: int | None,
    suppressed: int | None,
    opens: int,
    holiday: int,
    looked: list[float],
) -> None:
    at = TEN + timedelta(minutes=start)

    def ago(minutes: int) -> datetime:
        return at - timedelta(minutes=minutes)

    facts = make_facts(
        policy=make_policy(
            windows=[{"weekdays": [0, 1, 2, 3, 4], "from": f"{opens:02}:00", "to": "21:00"}],
            number_caps=[{"most": 1, "minutes": 60}, {"most": 3, "minutes": 7 * 1440}],
            customer_caps=[{"most": 4, "minutes": 30 * 1440}],
            silence_after_refusal_days=5,
        ),
        zones=[ZoneInfo(name) for name in zones],
        days={TEN.date() + holiday * DAY: DayKind.HOLIDAY},
        number_dialled_at=[ago(minutes) for minutes in dialled],
        customer_dialled_at=[ago(minutes) for minutes in dialled],
        refused_at=None if refused is None else ago(refused),
        suppressions=[]
        if suppressed is None
        else [(SuppressionKind.COMPLAINT, "", at + timedelta(minutes=suppressed + 1))],
        campaign=campaign(opens=10, closes=19),
    )

    decision = decide(facts, at=at)

    if decision.is_allowed:
        end = next_no(facts, at=at)
        assert end is not None
        assert not decide(facts, at=end).is_allowed
        assert all(decide(facts, at=at + part * (end - at)).is_allowed for part in looked)
    elif decision.changes_at is not None:
        then = decision.changes_at
        assert then > at
        assert decide(facts, at=then).is_allowed
        assert not any(decide(facts, at=at + part * (then - at)).is_allowed for part in looked)
