"""What people choose for whole classes of rows, and what undoing gives back."""

import pytest
from django.utils import timezone

from furrow.acquisition import actions
from furrow.acquisition.models import Batch, Lead
from furrow.acquisition.rules import BatchState, Choice, Finding
from furrow.customers.actions import update_customer
from furrow.customers.models import Customer
from furrow.customers.tests.make import make_customer
from furrow.linkage.actions import judge_pair
from furrow.linkage.models import Pair
from furrow.linkage.rules import Verdict
from furrow.organisation.models import User

from .make import check, make_list, undo, work

pytestmark = pytest.mark.django_db
HEADERS = ("姓名", "手机号", "城市", "微信")


def carry_out_with(batch: Batch, **choices: Choice) -> Batch:
    batch = check(batch)
    at = timezone.now()
    actions.choose(batch=batch, choices={k: str(v) for k, v in choices.items()}, by=batch.by, at=at)
    actions.start_import(batch=batch, by=batch.by, at=at)
    return work(batch)


@pytest.fixture
def known() -> Customer:
    return make_customer(name="张伟", numbers=["+8613800138001"], city="北京")


def row_of_known(city: str = "上海", wechat: str = "zhangwei_1") -> Batch:
    return make_list([("张伟", "13800138001", city, wechat)], headers=HEADERS)


def facts(customer: Customer) -> tuple[str, object]:
    customer.refresh_from_db()
    return customer.city, customer.profile.get("wechat", "")


def by_of(batch: Batch) -> User:
    return batch.by


def test_joining_fills_only_what_is_blank(known: Customer) -> None:
    batch = carry_out_with(row_of_known(), known=Choice.JOIN)

    assert facts(known) == ("北京", "zhangwei_1")
    assert undo(batch).state == BatchState.UNDONE
    assert facts(known) == ("北京", "")


def test_overwriting_replaces_and_undoing_gives_back(known: Customer) -> None:
    batch = carry_out_with(row_of_known(), known=Choice.OVERWRITE)

    assert facts(known) == ("上海", "zhangwei_1")
    assert Lead.objects.get(batch=batch).changes["set"]["city"] == ["北京", "上海"]
    batch = undo(batch)
    assert facts(known) == ("北京", "")
    assert batch.counts["withdrawn"] == 1


def test_what_somebody_edited_since_stays_and_is_told(known: Customer) -> None:
    batch = carry_out_with(row_of_known(), known=Choice.OVERWRITE)
    changes: dict[str, object] = {"city": "广州"}
    update_customer(customer=known, changes=changes, by=by_of(batch), at=timezone.now())

    batch = undo(batch)

    assert facts(known) == ("广州", "")  # the city stays, the rest is given back
    assert batch.counts["left"] == {"edited": 1}


def test_left_out_rows_change_nothing(known: Customer) -> None:
    batch = carry_out_with(row_of_known(), known=Choice.SKIP)

    assert batch.counts == {"created": 0, "joined": 0, "skipped": 1, "failed": 0}
    assert facts(known) == ("北京", "")


def test_doubtful_rows_go_to_the_review_queue(known: Customer) -> None:
    batch = make_list([("李娜", "13800138001")])
    batch = carry_out_with(batch)  # as usual

    assert batch.findings[Finding.DOUBT] == 1
    made = Lead.objects.get(batch=batch).customer
    assert not made.numbers.exists()
    pair = Pair.objects.get()
    assert {pair.left_id, pair.right_id} == {known.pk, made.pk}
    assert pair.verdict == Verdict.OPEN
    assert undo(batch).counts["deleted"] == 1
    assert not Pair.objects.exists()


def test_a_doubtful_row_may_stand_apart_unasked(known: Customer) -> None:
    carry_out_with(make_list([("李娜", "13800138001")]), doubt=Choice.APART)

    assert Customer.objects.count() == 2
    assert not Pair.objects.exists()


def test_known_rows_may_be_asked_about_instead_of_joined(known: Customer) -> None:
    batch = carry_out_with(row_of_known(), known=Choice.REVIEW)
    pair = Pair.objects.get()

    judge_pair(pair=pair, verdict=Verdict.SAME, by=by_of(batch), at=timezone.now())

    assert Customer.objects.filter(merged_into=None).count() == 1
