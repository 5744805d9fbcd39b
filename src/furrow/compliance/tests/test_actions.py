import hashlib
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils.translation import override

from furrow.audit.models import Event
from furrow.compliance.actions import (
    adopt_pack,
    import_holidays,
    lift_suppression,
    load_register,
    note_consent,
    note_refusal,
    seed_compliance,
    set_calendar_day,
    set_policy,
    set_register_active,
    suppress_number,
)
from furrow.compliance.models import CalendarDay, Consent, PolicyVersion, Refusal, Suppression
from furrow.compliance.packs import PACKS, Pack
from furrow.compliance.queries import (
    days_for,
    is_suppressed,
    last_consent,
    last_refusal,
    policy_for,
    regions_with_rules,
    registers_listing,
    standing_suppressions,
    suppressions_told,
)
from furrow.compliance.rules import (
    DEFAULT_POLICIES,
    Basis,
    CannotImport,
    CannotLift,
    CannotSetPolicy,
    CannotSuppress,
    DayKind,
    Purpose,
    SuppressionKind,
    policy_from,
)
from furrow.organisation.rules import Role
from furrow.organisation.tests.make import NOON, make_user

from .make import make_body, make_suppression

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
NUMBER = "+8615400001234"


@pytest.fixture(autouse=True)
def _in_english() -> Iterator[None]:
    with override("en"):
        yield


def test_an_end_too_far_for_any_clock_is_refused() -> None:
    last = datetime.max.replace(tzinfo=UTC)  # the year 10,000 in Shanghai: nobody could list it

    with pytest.raises(CannotSuppress):
        make_suppression(e164=NUMBER, for_=last - NOON)

    assert not Suppression.objects.exists()


def test_suppressing_twice_stands_once_and_the_first_reason_stays() -> None:
    first = make_suppression(e164=NUMBER, reason="said so")
    second = make_suppression(e164=NUMBER, reason="said so again", at=NOON + HOUR)

    assert first == second
    assert Suppression.objects.get().reason == "said so"
    assert Event.objects.filter(what="number.suppressed").count() == 1


def test_kinds_stand_side_by_side() -> None:
    make_suppression(e164=NUMBER, kind=SuppressionKind.COMPLAINT, for_=HOUR)
    make_suppression(e164=NUMBER, kind=SuppressionKind.OPTED_OUT)

    standing = standing_suppressions(e164=NUMBER, at=NOON)

    assert [s.kind for s in standing] == [SuppressionKind.OPTED_OUT, SuppressionKind.COMPLAINT]


def test_the_longer_of_two_ends_stands() -> None:
    make_suppression(e164=NUMBER, for_=HOUR)
    make_suppression(e164=NUMBER, for_=3 * HOUR)
    make_suppression(e164=NUMBER, for_=2 * HOUR)

    assert is_suppressed(e164=NUMBER, at=NOON + 3 * HOUR - timedelta(seconds=1))
    assert not is_suppressed(e164=NUMBER, at=NOON + 3 * HOUR)


def test_after_one_ended_by_itself_another_may_begin() -> None:
    make_suppression(e164=NUMBER, for_=HOUR)
    make_suppression(e164=NUMBER, at=NOON + 5 * HOUR)

    told = suppressions_told([NUMBER])

    assert [t.lifted_at for t in told] == [None, NOON + HOUR]
    assert is_suppressed(e164=NUMBER, at=NOON + 5 * HOUR)


def test_an_end_in_the_past_is_refused() -> None:
    with pytest.raises(CannotSuppress):
        suppress_number(
            e164=NUMBER, kind=SuppressionKind.COMPLAINT, origin="person", until=NOON,
            by=make_user(), at=NOON,
        )  # fmt: skip


def test_lifting_needs_a_reason_and_happens_once() -> None:
    suppression = make_suppression(e164=NUMBER)
    manager = make_user(role=Role.MANAGER)

    with pytest.raises(CannotLift):
        lift_suppression(suppression=suppression, reason="  ", by=manager, at=NOON)
    lift_suppression(suppression=suppression, reason="asked us to call", by=manager, at=NOON)
    with pytest.raises(CannotLift):
        lift_suppression(suppression=suppression, reason="again", by=manager, at=NOON)

    assert not is_suppressed(e164=NUMBER, at=NOON)
    assert Event.objects.get(what="number.released").details["reason"] == "asked us to call"


def test_audit_never_holds_the_number() -> None:
    suppression = make_suppression(e164=NUMBER)
    by = make_user(role=Role.MANAGER)
    lift_suppression(suppression=suppression, reason="asked", by=by, at=NOON)
    note_refusal(e164=NUMBER, origin="call:1", by=by, at=NOON)

    for event in Event.objects.order_by("pk"):
        assert NUMBER[-8:] not in f"{event.subject}{event.details}"


def test_the_last_refusal_counts() -> None:
    by = make_user()
    for hours in (1, 3, 2):
        note_refusal(e164=NUMBER, origin="call:1", by=by, at=NOON + hours * HOUR)

    assert last_refusal(e164s=[NUMBER], at=NOON + 5 * HOUR) == NOON + 3 * HOUR
    assert last_refusal(e164s=[NUMBER], at=NOON + 2 * HOUR) == NOON + 2 * HOUR
    assert last_refusal(e164s=["+8615400009999"], at=NOON) is None


def test_before_anything_is_stored_the_starting_rules_hold() -> None:
    assert policy_for(region="CN", at=NOON).source == DEFAULT_POLICIES["CN"]["source"]
    assert policy_for(region="US-TX", at=NOON).region == "US-TX"
    assert policy_for(region="US-NY", at=NOON).region == "US"
    assert policy_for(region="PL", at=NOON).region == "*"
    assert policy_for(region="", at=NOON).region == "*"


def test_a_region_without_its_own_rules_gets_those_for_all_others() -> None:
    by = make_user()
    set_policy(region="*", body=make_body(source="house"), note="", by=by, at=NOON)
    set_policy(region="CN", body=make_body(source="china"), note="", by=by, at=NOON)

    assert policy_for(region="CN", at=NOON).source == "china"
    assert policy_for(region="DE", at=NOON).source == "house"


def test_history_is_judged_by_the_version_of_its_time() -> None:
    by = make_user()
    for hours, source in ((0, "first"), (2, "second")):
        set_policy(
            region="CN", body=make_body(source=source), note="", by=by, at=NOON + hours * HOUR
        )

    assert policy_for(region="CN", at=NOON + HOUR).source == "first"
    assert policy_for(region="CN", at=NOON + 2 * HOUR).source == "second"
    assert policy_for(region="CN", at=NOON + 2 * HOUR).version == 2


def test_a_planned_version_waits_and_a_later_word_replaces_it() -> None:
    by = make_user()
    set_policy(region="CN", body=make_body(source="now"), note="", by=by, at=NOON)
    set_policy(
        region="CN", body=make_body(source="planned"), note="", by=by, at=NOON,
        from_at=NOON + 3 * HOUR,
    )  # fmt: skip

    assert policy_for(region="CN", at=NOON + HOUR).source == "now"
    assert policy_for(region="CN", at=NOON + 3 * HOUR).source == "planned"
    [rules] = regions_with_rules(at=NOON + HOUR)
    assert (rules.current.version, rules.planned and rules.planned.version) == (1, 2)

    set_policy(region="CN", body=make_body(source="other"), note="", by=by, at=NOON + HOUR)

    assert policy_for(region="CN", at=NOON + 3 * HOUR).source == "other"
    [rules] = regions_with_rules(at=NOON + 2 * HOUR)
    assert (rules.current.version, rules.planned) == (3, None)


def test_rules_cannot_begin_in_the_past_nor_be_changed_afterwards() -> None:
    by = make_user()
    with pytest.raises(CannotSetPolicy):
        set_policy(region="CN", body=make_body(), note="", by=by, at=NOON, from_at=NOON - HOUR)
    version = set_policy(region="CN", body=make_body(), note="", by=by, at=NOON)
    with pytest.raises(IntegrityError), transaction.atomic():
        PolicyVersion.objects.create(
            region="CN", version=9, body={}, by=by, at=NOON, from_at=NOON - HOUR
        )
    with pytest.raises(DatabaseError), transaction.atomic():
        PolicyVersion.objects.filter(pk=version.pk).update(body={})
    with pytest.raises(DatabaseError), transaction.atomic():
        version.delete()


def test_a_wrong_policy_or_region_is_refused() -> None:
    by = make_user()
    with pytest.raises(CannotSetPolicy, match="windows"):
        set_policy(region="CN", body={"windows": [{}]}, note="", by=by, at=NOON)
    with pytest.raises(CannotSetPolicy, match="region"):
        set_policy(region="China", body=make_body(), note="", by=by, at=NOON)


def test_calendar_days_are_set_changed_and_removed() -> None:
    by, day = make_user(), date(2026, 10, 10)
    set_calendar_day(region="CN", on=day, kind=DayKind.HOLIDAY, by=by, at=NOON)
    set_calendar_day(region="CN", on=day, kind=DayKind.WORKDAY, by=by, at=NOON)
    assert days_for(region="CN", since=day, until=day + timedelta(days=1)) == {day: DayKind.WORKDAY}

    set_calendar_day(region="CN", on=day, kind=None, by=by, at=NOON)

    assert not CalendarDay.objects.exists()
    assert Event.objects.filter(what__startswith="calendar_day").count() == 3


def test_seeding_twice_changes_nothing_and_keeps_what_people_set() -> None:
    by = make_user()
    set_policy(region="CN", body=make_body(source="ours"), note="", by=by, at=NOON)
    set_calendar_day(region="CN", on=date(2026, 10, 1), kind=DayKind.WORKDAY, by=by, at=NOON)

    seed_compliance(by=by, at=NOON)
    days = CalendarDay.objects.count()
    seed_compliance(by=by, at=NOON)

    assert CalendarDay.objects.count() == days
    assert policy_for(region="CN", at=NOON).source == "ours"
    assert set(PolicyVersion.objects.values_list("region", flat=True)) == set(DEFAULT_POLICIES)
    china = days_for(region="CN", since=date(2026, 1, 1), until=date(2027, 1, 1))
    assert china[date(2026, 10, 1)] is DayKind.WORKDAY  # as people set it
    assert china[date(2026, 2, 17)] is DayKind.HOLIDAY  # Spring Festival
    assert china[date(2026, 2, 14)] is DayKind.WORKDAY  # a Saturday worked in exchange
    assert import_holidays(region="ZZ", year=2026, by=by, at=NOON) == 0


def test_refusals_are_never_changed() -> None:
    refusal = note_refusal(e164=NUMBER, origin="call:1", by=make_user(), at=NOON)

    with pytest.raises(DatabaseError), transaction.atomic():
        Refusal.objects.filter(pk=refusal.pk).update(at=NOON + HOUR)
    with pytest.raises(DatabaseError), transaction.atomic():
        refusal.delete()


@pytest.mark.parametrize("change", ["suppress", "lift", "refusal"])
def test_whoever_changes_what_is_known_of_a_number_holds_it(change: str) -> None:
    by, number = make_user(role=Role.MANAGER), NUMBER
    standing = make_suppression(e164=number, by=by, kind=SuppressionKind.COMPLAINT)
    with CaptureQueriesContext(connection) as queries:
        match change:
            case "suppress":
                suppress_number(
                    e164=number, kind=SuppressionKind.OPTED_OUT, origin="person", by=by, at=NOON
                )
            case "lift":
                lift_suppression(suppression=standing, reason="asked", by=by, at=NOON)
            case "refusal":
                note_refusal(e164=number, origin="call:1", by=by, at=NOON)

    said = [query["sql"] for query in queries]
    held = next(n for n, sql in enumerate(said) if "pg_advisory_xact_lock(" in sql)
    written = next(n for n, sql in enumerate(said) if sql.startswith(("INSERT", "UPDATE")))
    assert held < written


def test_the_latest_word_about_a_purpose_is_the_one_that_counts() -> None:
    by = make_user()
    for hours, is_given in ((0, True), (1, False), (2, True)):
        note_consent(
            e164=NUMBER, purpose=Purpose.SALES, is_given=is_given, basis=Basis.FORM,
            origin="person", by=by, at=NOON + hours * HOUR,
        )  # fmt: skip

    def word(hours: float) -> bool:
        latest = last_consent(e164=NUMBER, purpose=Purpose.SALES, at=NOON + hours * HOUR)
        return latest is not None and latest.is_given

    assert (word(0.5), word(1.5), word(2.5)) == (True, False, True)
    assert last_consent(e164=NUMBER, purpose=Purpose.SERVICE, at=NOON + DAY) is None
    with pytest.raises(DatabaseError), transaction.atomic():
        Consent.objects.update(is_given=True)


def test_a_register_is_loaded_plain_or_hashed_and_replaced_whole() -> None:
    by = make_user()
    hashed = hashlib.sha256(b"13800138001").hexdigest()
    lines = ["+8613800138000,x", f"  {hashed.upper()}", "", "no number", "138 0013 8002"]

    load = load_register(
        name="MIIT", region="CN", lines=lines, default_region="CN", refresh_days=28, by=by, at=NOON
    )

    assert (load.listed, load.bad, load.bad_lines) == (3, 1, (4,))
    assert load.register.size == 3
    for number in ("+8613800138000", "+8613800138001", "+8613800138002"):
        assert registers_listing(e164=number, region="CN") == ["MIIT"]
    assert registers_listing(e164="+8613800138000", region="US") == []
    assert load.register.is_stale(NOON + 29 * DAY)

    load = load_register(
        name="MIIT", region="CN", lines=["13800138003"], default_region="CN", by=by, at=NOON
    )
    assert load.register.size == 1
    assert registers_listing(e164="+8613800138000", region="CN") == []
    set_register_active(register=load.register, is_active=False, by=by, at=NOON)
    assert registers_listing(e164="+8613800138003", region="CN") == []
    with pytest.raises(CannotImport):
        load_register(name="MIIT", region="CN", lines=["x"], default_region="CN", by=by, at=NOON)


def test_a_pack_is_adopted_as_the_next_version_and_only_where_it_belongs() -> None:
    by = make_user()
    set_policy(region="CN", body=make_body(), note="", by=by, at=NOON)

    version = adopt_pack(key="cn-insurance", region="CN", by=by, at=NOON + HOUR)

    assert (version.version, version.body["pack"]) == (2, "cn-insurance")
    assert policy_for(region="CN", at=NOON + HOUR).consent_for == {"sales"}
    with pytest.raises(CannotSetPolicy):
        adopt_pack(key="de", region="CN", by=by, at=NOON)


@pytest.mark.parametrize("pack", PACKS, ids=lambda pack: pack.key)
def test_each_pack_is_a_policy_whose_figures_have_a_source(pack: Pack) -> None:
    policy_from(pack.body, region=pack.region, version=1)

    if pack.key != "elsewhere":
        asked = {"windows", "on_holidays", "number_caps", "silence_after_refusal_days"}
        assert asked <= pack.body["sources"].keys()
        assert all("2026" in source for source in pack.body["sources"].values())
