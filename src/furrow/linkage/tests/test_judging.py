"""Looking for duplicates among all customers, and judging what was found."""

from datetime import timedelta

import pytest

from furrow.customers.actions import merge_customers
from furrow.customers.models import Customer, MergeEvent, Number
from furrow.customers.tests.make import make_customer
from furrow.linkage import actions
from furrow.linkage.models import Pair, Run
from furrow.linkage.queries import labels, last_verdict, next_pair
from furrow.linkage.rules import BLOCKS, CannotFind, CannotJudge, RunState, Verdict
from furrow.organisation.actions import system_user
from furrow.organisation.models import Team, User
from furrow.organisation.rules import Role
from furrow.organisation.tests.make import NOON, make_agent, make_team, make_user

pytestmark = pytest.mark.django_db
LATER = NOON + timedelta(hours=1)
BORN = {"birthday": "1980-05-01", "wechat": "siyuan_1980"}


@pytest.fixture
def by() -> User:
    return make_user(role=Role.OPERATIONS)


def _likely(*, team: Team | None = None, owners: tuple[User | None, ...] = (None, None)) -> None:
    for owner in owners:
        make_customer(
            name="欧阳思远", city="深圳", address="科技路1号", profile=BORN, team=team, owner=owner
        )


def _run(by: User, *, joins_certain: bool = False) -> Run:
    run = actions.start_run(joins_certain=joins_certain, by=by, at=NOON)
    while actions.take_step(run_id=run.pk, at=LATER):
        pass
    run.refresh_from_db()
    assert run.state == RunState.DONE
    return run


def make_pair() -> Pair:
    left, right = make_customer(), make_customer()
    return Pair.objects.create(
        left=left, right=right, weight=3, reasons=["same_name"], found_at=NOON
    )


def test_a_run_finds_who_is_alike_and_asks_once(by: User) -> None:
    _likely()
    make_customer(name="李娜", address="科技路1号", city="深圳")

    run = _run(by)

    pair = Pair.objects.get()
    assert (run.found, run.joined, pair.verdict) == (1, 0, Verdict.OPEN)
    assert "same_name" in pair.reasons
    actions.judge_pair(pair=pair, verdict=Verdict.DIFFERENT, by=by, at=LATER)
    assert _run(by).found == 0
    assert next_pair(by) is None


def test_a_run_goes_on_where_it_was_killed(by: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actions, "CUSTOMERS_A_STEP", 1)
    for name in ("欧阳思远", "司马长风", "诸葛小明"):
        for _time in range(2):
            make_customer(name=name, profile=BORN | {"wechat": f"wx_{name}_1"}, city="深圳")
    run = actions.start_run(by=by, at=NOON)

    steps = 0
    while actions.take_step(run_id=run.pk, at=LATER):
        steps += 1
        run.refresh_from_db()

    assert steps >= 4
    assert Pair.objects.count() == 3


def test_a_name_of_many_is_compared_within_one_city_only(
    by: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(BLOCKS, "name", 2)
    for city in ("深圳", "深圳", "北京"):
        make_customer(name="欧阳思远", city=city, profile={"birthday": "1980-05-01"})

    _run(by)

    assert {pair.left.city for pair in Pair.objects.all()} == {"深圳"}
    assert Pair.objects.count() == 1


def test_only_one_run_at_a_time(by: User) -> None:
    run = actions.start_run(by=by, at=NOON)
    with pytest.raises(CannotFind):
        actions.start_run(by=by, at=NOON)
    actions.stop_run(run=run, by=by, at=NOON)
    assert not actions.take_step(run_id=run.pk, at=LATER)
    actions.start_run(by=by, at=LATER)


def test_a_rule_joins_what_is_certain_only_when_asked(by: User) -> None:
    _likely()
    run = _run(by, joins_certain=True)
    pair = Pair.objects.get()
    assert run.joined == 1
    assert (pair.verdict, pair.by_rule, pair.decided_by) == (Verdict.SAME, True, system_user())
    assert Customer.objects.filter(merged_into=None).count() == 1


def test_a_rule_never_joins_the_customers_of_two_owners(by: User) -> None:
    _likely(owners=(make_agent(), make_agent()))
    assert _run(by, joins_certain=True).joined == 0
    assert Pair.objects.get().verdict == Verdict.OPEN


def test_the_record_with_an_owner_is_kept(by: User) -> None:
    _likely(owners=(None, make_agent()))
    _run(by)

    pair = actions.judge_pair(pair=Pair.objects.get(), verdict=Verdict.SAME, by=by, at=LATER)

    pair.left.refresh_from_db()
    assert pair.left.merged_into == pair.right
    assert pair.merge == MergeEvent.objects.get()
    with pytest.raises(CannotJudge):
        actions.judge_pair(pair=pair, verdict=Verdict.DIFFERENT, by=by, at=LATER)


def test_a_verdict_is_taken_back_with_its_merge(by: User) -> None:
    pair = make_pair()
    actions.judge_pair(pair=pair, verdict=Verdict.SAME, by=by, at=NOON)
    assert last_verdict(by) == pair

    pair = actions.take_back_verdict(pair=pair, by=by, at=LATER)

    assert (pair.verdict, pair.decided_by, pair.merge) == (Verdict.OPEN, None, None)
    assert Customer.objects.filter(merged_into=None).count() == 2
    assert [Number.objects.filter(customer=c).count() for c in (pair.left, pair.right)] == [1, 1]
    assert next_pair(by) == pair
    with pytest.raises(CannotJudge):
        actions.take_back_verdict(pair=pair, by=by, at=LATER)


def test_put_off_pairs_come_last(by: User) -> None:
    first, second = make_pair(), make_pair()
    actions.judge_pair(pair=first, verdict=Verdict.LATER, by=by, at=NOON)
    assert next_pair(by) == second
    actions.judge_pair(pair=second, verdict=Verdict.LATER, by=by, at=LATER)
    assert next_pair(by) == first


def test_an_undone_merge_is_remembered_as_different(by: User) -> None:
    pair = make_pair()
    merge_customers(duplicate=pair.right, into=pair.left, by=by, at=NOON)

    actions.part_customers(merge=MergeEvent.objects.get(), by=by, at=LATER)

    pair.refresh_from_db()
    assert (pair.verdict, pair.decided_by) == (Verdict.DIFFERENT, by)


def test_pairs_follow_a_merge_and_what_people_said_counts(by: User) -> None:
    a, b, third, fourth = (make_customer() for _time in range(4))
    said = {"verdict": Verdict.DIFFERENT, "decided_by": by, "decided_at": NOON}
    Pair.objects.create(left=a, right=third, weight=1, found_at=NOON)
    judged = Pair.objects.create(left=b, right=third, weight=1, found_at=NOON, **said)
    moved = Pair.objects.create(left=b, right=fourth, weight=1, found_at=NOON)

    merge_customers(duplicate=b, into=a, by=by, at=NOON)

    judged.refresh_from_db()
    moved.refresh_from_db()
    assert (judged.left, judged.right) == (a, third)
    assert (moved.left, moved.right) == (a, fourth)
    assert Pair.objects.count() == 2


def test_who_may_not_see_one_of_the_two_is_not_asked(by: User) -> None:
    pair = make_pair()
    leader = make_user(role=Role.LEADER)
    assert next_pair(leader) is None
    Customer.objects.update(team=leader.team)
    assert next_pair(leader) == pair


def test_verdicts_are_labels(by: User) -> None:
    pair = make_pair()
    make_pair()
    actions.judge_pair(pair=pair, verdict=Verdict.DIFFERENT, by=by, at=NOON)
    [(left, right, verdict, weight, reasons, *_who)] = labels()
    assert (left, right, verdict) == (pair.left_id, pair.right_id, "different")
    assert (weight, reasons) == (3, "same_name")


def test_a_team_is_shown_its_own(by: User) -> None:
    _likely(team=make_team())
    _run(by)
    assert next_pair(make_user(role=Role.LEADER)) is None


def test_email_and_wechat_bring_together_what_names_do_not(by: User) -> None:
    for profile, email in (({}, "Ouyang.S@163.com"), ({"wechat": "OuYang_88"}, "")):
        left = make_customer(name="欧阳思远", profile=profile)
        right = make_customer(name="欧阳思苑", profile=profile)
        Customer.objects.filter(pk=left.pk).update(email=email)
        Customer.objects.filter(pk=right.pk).update(email=email.lower())
        make_customer(name="李娜")

        _run(by)

        pair = Pair.objects.latest("id")
        assert {pair.left_id, pair.right_id} == {left.pk, right.pk}
        Customer.objects.all().delete()


def test_what_was_judged_is_never_asked_again(by: User) -> None:
    _likely()
    _run(by)
    actions.judge_pair(pair=Pair.objects.get(), verdict=Verdict.DIFFERENT, by=by, at=LATER)

    _run(by)
    pair = Pair.objects.get()
    actions.ask_about([(pair.right_id, pair.left_id, 9.0, ["same_name"])], at=LATER)

    assert Pair.objects.get().verdict == Verdict.DIFFERENT
