"""Lists from upload to undo, on PostgreSQL."""

import io
from datetime import timedelta
from typing import Any

import pytest
import xlsxwriter
from django.apps import apps
from django.db.models import QuerySet
from django.utils import timezone

from furrow.acquisition import actions
from furrow.acquisition.actions import importing, reading, work
from furrow.acquisition.models import Batch, Lead, Row
from furrow.acquisition.rules import BatchState, CannotImport, Finding, RowState
from furrow.audit.models import Event
from furrow.compliance.actions import suppress_number
from furrow.compliance.rules import SuppressionKind
from furrow.customers.actions import (
    add_note,
    add_number,
    admit_arrivals,
    assign_customer,
    bulk_create_customers,
)
from furrow.customers.models import Customer, Number
from furrow.customers.rules import CustomerDraft, OwnerChange
from furrow.customers.tests.make import make_customer
from furrow.linkage.models import Pair
from furrow.organisation.rules import Role
from furrow.organisation.tests.make import make_agent, make_user

from .make import carry_out, check, make_list, make_source, stored_files, undo
from .make import work as finish

pytestmark = pytest.mark.django_db


def standings() -> QuerySet[Any]:
    """The pipeline lies above and may not be imported here."""
    return apps.get_model("pipeline", "Standing")._default_manager.all()


ROWS = [
    ("张伟", "13800138001"),
    ("李娜", "138 0013 8002"),
    ("張偉先生", "+86 13800138001"),  # the first again, otherwise written
    ("王芳", "1.38E+10"),
    ("", "13800138003"),
    ("赵敏", "0086-13800138004"),
]


def test_the_check_says_what_every_row_is_and_changes_nothing() -> None:
    batch = check(make_list(ROWS))

    assert batch.state == BatchState.CHECKED
    assert batch.findings == {
        Finding.NEW: 3,
        Finding.REPEAT: 1,
        Finding.PROBLEM: 2,
        "problems": {"number_lost": 1, "no_name": 1},
        "forbidden": 0,
    }
    assert not Customer.objects.exists()
    assert not Lead.objects.exists()


def test_rows_become_customers_and_every_row_is_accounted_for() -> None:
    batch = carry_out(make_list(ROWS))

    assert batch.state == BatchState.DONE
    assert batch.counts == {"created": 3, "joined": 1, "skipped": 0, "failed": 2}
    assert Customer.objects.count() == 3
    assert Lead.objects.filter(batch=batch).count() == 4
    assert standings().filter(stage="screening").count() == 3
    first = Number.objects.get(e164="+8613800138001").customer
    assert [lead.given["姓名"] for lead in first.leads.order_by("line")] == ["张伟", "張偉先生"]
    assert Event.objects.about(batch).filter(what="list.imported").exists()


def test_a_known_customer_is_joined_and_keeps_both_origins() -> None:
    customer = make_customer(name="张伟", numbers=["+8613800138001"], city="北京")
    batch = make_list(
        [("张伟", "13800138001 / 13900139001", "上海", "浦东新区张江路18号")],
        headers=("姓名", "手机号", "城市", "地址"),
    )

    batch = carry_out(batch)

    assert batch.counts["joined"] == 1
    customer.refresh_from_db()
    assert customer.city == "北京"  # what is known is not overwritten
    assert customer.address == "浦东新区张江路18号"  # a blank is filled
    numbers = set(customer.numbers.values_list("e164", flat=True))
    assert numbers == {"+8613800138001", "+8613900139001"}
    [lead] = Lead.objects.filter(customer=customer)
    assert lead.given["城市"] == "上海"
    assert "same_number" in lead.match_reasons


def test_another_name_behind_the_same_number_is_doubtful_and_kept_apart() -> None:
    owner = make_customer(name="李娜", numbers=["+8613800138001"])
    batch = check(make_list([("张伟", "13800138001")]))
    assert batch.findings[Finding.DOUBT] == 1

    actions.start_import(batch=batch, by=batch.by, at=timezone.now())
    batch = finish(batch)

    assert batch.counts["created"] == 1
    assert Number.objects.get(e164="+8613800138001").customer == owner
    assert not Customer.objects.get(name="张伟").numbers.exists()


@pytest.mark.parametrize(("choice", "outcome"), [("join", "joined"), ("skip", "skipped")])
def test_a_person_decides_about_doubtful_rows(choice: str, outcome: str) -> None:
    make_customer(name="李娜", numbers=["+8613800138001"])
    batch = check(make_list([("张伟", "13800138001")]))
    actions.choose(batch=batch, choices={"doubt": choice}, by=batch.by, at=timezone.now())

    actions.start_import(batch=batch, by=batch.by, at=timezone.now())
    batch = finish(batch)

    assert batch.counts[outcome] == 1
    assert Customer.objects.count() == 1


def test_one_row_may_be_decided_unlike_its_class() -> None:
    make_customer(name="张伟", numbers=["+8613800138001"])
    batch = check(make_list([("张伟", "13800138001"), ("李娜", "13800138002")]))
    row = Row.objects.get(batch=batch, finding=Finding.KNOWN)

    actions.choose_for_row(row=row, choice="skip", by=batch.by, at=timezone.now())
    actions.start_import(batch=batch, by=batch.by, at=timezone.now())
    batch = finish(batch)

    assert batch.counts == {"created": 1, "joined": 0, "skipped": 1, "failed": 0}


def test_numbers_of_two_customers_are_a_problem() -> None:
    make_customer(name="张伟", numbers=["+8613800138001"])
    make_customer(name="李娜", numbers=["+8613800138002"])

    batch = check(make_list([("张伟", "13800138001;13800138002")]))

    assert batch.findings["problems"] == {"several_customers": 1}


def test_a_row_without_number_tells_more_about_somebody_known() -> None:
    headers = ("姓名", "手机号", "地址", "生日")
    known = ("欧阳思远", "13800138001", "深圳市南山区科技园路18号A栋1203", "1980-05-01")
    carry_out(make_list([known], headers=headers))

    batch = carry_out(make_list([(known[0], "", *known[2:])], headers=headers))

    assert batch.counts["joined"] == 1


def test_a_problem_row_is_corrected_in_place() -> None:
    batch = check(make_list(ROWS))
    row = Row.objects.get(batch=batch, problem="number_lost")

    row = actions.fix_row(row=row, cells={"手机号": "13800138009"}, by=batch.by, at=timezone.now())

    assert (row.finding, row.problem) == (Finding.NEW, "")
    batch.refresh_from_db()
    assert batch.findings[Finding.PROBLEM] == 1
    actions.start_import(batch=batch, by=batch.by, at=timezone.now())
    assert finish(batch).counts["failed"] == 1
    assert Customer.objects.filter(name="王芳").exists()


def test_a_row_corrected_to_an_earlier_one_repeats_it() -> None:
    batch = check(make_list([("张伟", "13800138001"), ("张伟", "1.38E+10")]))
    row = Row.objects.get(batch=batch, problem="number_lost")  # a name alone joins nobody

    row = actions.fix_row(row=row, cells={"手机号": "13800138001"}, by=batch.by, at=timezone.now())

    assert (row.finding, row.repeats) == (Finding.REPEAT, 1)


def test_a_number_recorded_between_check_and_import_is_not_doubled() -> None:
    batch = check(make_list([("张伟", "13800138001")]))
    customer = make_customer(name="张伟", numbers=["+8613800138001"])

    actions.start_import(batch=batch, by=batch.by, at=timezone.now())
    batch = finish(batch)

    assert batch.counts["joined"] == 1
    assert customer.leads.count() == 1


def test_the_mapping_is_remembered_for_the_source() -> None:
    source = make_source()
    headers = ("甲", "乙")
    batch = make_list([("x", "13800138001")], headers=headers, source=source)
    actions.set_mapping(
        batch=batch, mapping={"甲": "name", "乙": "phone"}, kind="", region="CN", by=batch.by,
        at=timezone.now(),
    )  # fmt: skip

    again = make_list([("y", "z")], headers=headers, source=source)

    assert again.mapping == {"甲": "name", "乙": "phone"}


def test_a_file_too_large_or_unreadable_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CannotImport, match="workbook"):
        make_bytes(b"PK\x03\x04 broken")
    monkeypatch.setattr("furrow.acquisition.actions.uploads.MOST_BYTES", 3)
    with pytest.raises(CannotImport, match="larger"):
        make_bytes(b"a,b\n1,2\n")
    assert not Batch.objects.exists()
    assert stored_files() == []


def make_bytes(content: bytes) -> Batch:
    source = make_source()
    return actions.upload_list(
        source=source, chunks=[content], file_name="x.csv", by=make_user(role=Role.OPERATIONS),
        at=timezone.now(),
    )  # fmt: skip


# -- going on after a failure ---------------------------------------------------------------------


def test_an_import_that_breaks_goes_on_without_losing_or_doubling(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importing, "CREATE_ROWS", 2)
    rows = [(f"客户{n}", f"1380013{n:04d}") for n in range(100, 109)]
    batch = check(make_list(rows))
    actions.start_import(batch=batch, by=batch.by, at=timezone.now())
    actual = admit_arrivals
    calls = iter([True, True, False])

    def breaks(**arguments: object) -> object:
        made = actual(**arguments)  # type: ignore[arg-type]
        if next(calls, True):
            return made
        raise RuntimeError("power cut")

    monkeypatch.setattr(importing, "admit_arrivals", breaks)
    with pytest.raises(RuntimeError, match="power cut"):
        finish(batch)
    assert Customer.objects.count() == 4  # two whole chunks; the broken one left nothing

    actions.fail_batch(batch_id=batch.pk, error="power cut", at=timezone.now())
    batch.refresh_from_db()
    assert (batch.state, batch.stopped_in) == (BatchState.FAILED, BatchState.IMPORTING)
    actions.resume_batch(batch=batch, by=batch.by, at=timezone.now())
    batch = finish(batch)

    assert batch.state == BatchState.DONE
    assert batch.counts == {"created": 9, "joined": 0, "skipped": 0, "failed": 0}
    assert Customer.objects.count() == Lead.objects.count() == 9


def test_sums_that_are_wrong_are_never_reported_as_success(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    batch = check(make_list(ROWS))
    actions.start_import(batch=batch, by=batch.by, at=timezone.now())
    assert work.take_step(batch_id=batch.pk, at=timezone.now())
    Lead.objects.filter(batch=batch, line=1).delete()

    with pytest.raises(RuntimeError):
        finish(batch)

    batch.refresh_from_db()
    assert batch.state == BatchState.IMPORTING


def test_a_person_stops_a_job_and_has_it_go_on() -> None:
    batch = make_list(ROWS)
    actions.start_check(batch=batch, by=batch.by, at=timezone.now())
    actions.stop_batch(batch=batch, by=batch.by, at=timezone.now())
    assert finish(batch).state == BatchState.STOPPED

    actions.resume_batch(batch=batch, by=batch.by, at=timezone.now())

    assert finish(batch).state == BatchState.CHECKED


# -- undoing --------------------------------------------------------------------------------------


def test_undoing_deletes_what_the_list_made() -> None:
    known = make_customer(name="张伟", numbers=["+8613800138001"])
    before = list(Number.objects.values_list("e164", flat=True))
    batch = carry_out(
        make_list(
            [("张伟", "13800138001/13800138007", "上海"), ("李娜", "13800138002", "北京")],
            headers=("姓名", "手机号", "城市"),
        )
    )
    assert Customer.objects.count() == 2

    batch = undo(batch)

    assert batch.state == BatchState.UNDONE
    assert (batch.counts["deleted"], batch.counts["withdrawn"]) == (1, 1)
    assert batch.counts["left"] == {}
    assert list(Customer.objects.all()) == [known]
    known.refresh_from_db()
    assert known.city == ""
    assert list(Number.objects.values_list("e164", flat=True)) == before
    assert not Lead.objects.exists()


def test_having_been_compared_keeps_nobody() -> None:
    batch = carry_out(make_list([("张伟", "13800138001"), ("李娜", "13800138002")]))
    left, right = Customer.objects.order_by("pk")
    Pair.objects.create(left=left, right=right, weight=1, found_at=timezone.now())

    batch = undo(batch)

    assert batch.counts["deleted"] == 2
    assert not Pair.objects.exists()


def test_undoing_leaves_what_somebody_relies_on_and_says_why() -> None:
    rows = [(f"客户{n}", f"1380013800{n}") for n in range(1, 7)]
    batch = carry_out(make_list(rows))
    agent = make_agent()
    by, at = batch.by, timezone.now()
    owned, noted, numbered, twice, *untouched = Customer.objects.order_by("pk")
    assign_customer(customer=owned, to=agent, change=OwnerChange.ALLOCATED, by=by, at=at)
    add_note(customer=noted, text="打过招呼", by=by, at=at)
    add_number(customer=numbered, e164="+8613900139001", by=by, at=at)
    carry_out(make_list([(twice.name, "13800138004")]))

    batch = undo(batch)

    assert batch.counts["deleted"] == 2
    assert batch.counts["left"] == {"owned": 1, "used": 1, "changed": 1, "other_origin": 1}
    assert set(Customer.objects.all()) == {owned, noted, numbered, twice}
    assert untouched


def test_an_undone_list_cannot_be_imported_again_by_accident() -> None:
    batch = undo(carry_out(make_list(ROWS)))

    with pytest.raises(CannotImport):
        actions.start_import(batch=batch, by=batch.by, at=timezone.now())


# -- files, and leads one by one ------------------------------------------------------------------


def test_files_are_deleted_after_thirty_days_and_leads_stay() -> None:
    batch = carry_out(make_list(ROWS))
    assert len(stored_files()) == 1

    assert actions.delete_old_files(at=timezone.now() + timedelta(days=29)) == 0
    assert actions.delete_old_files(at=timezone.now() + timedelta(days=31)) == 1

    assert stored_files() == []
    assert not Row.objects.filter(batch=batch).exists()
    assert Lead.objects.filter(batch=batch).count() == 4
    with pytest.raises(CannotImport):
        actions.start_undo(batch=batch, by=batch.by, at=timezone.now())


def test_a_lead_makes_a_customer_or_joins_one() -> None:
    source, by = make_source(), make_user(role=Role.OPERATIONS)
    draft = CustomerDraft(name="张伟", numbers=("+8613800138001",))

    first = actions.add_lead(source=source, draft=draft, given={}, by=by, at=timezone.now())
    again = actions.add_lead(source=source, draft=draft, given={}, by=by, at=timezone.now())

    assert (first.is_first, again.is_first) == (True, False)
    assert first.customer == again.customer
    assert standings().get().customer == first.customer


def test_the_states_a_list_may_be_in_are_the_states_of_rows_done() -> None:
    batch = carry_out(make_list(ROWS))
    states = set(Row.objects.filter(batch=batch).values_list("state", flat=True))

    assert RowState.READ not in states


def test_rows_that_repeat_one_left_out_stand_for_themselves_together() -> None:
    owner = make_customer(name="李娜", numbers=["+8613800138001"])
    headers = ("姓名", "手机号")
    twins = [("张伟", "13800138001/13800138005"), ("張偉", "13800138005"), ("张伟", "13800138005")]
    batch = check(make_list(twins, headers=headers))
    doubt = Row.objects.get(batch=batch, line=1)
    assert doubt.finding == Finding.DOUBT
    actions.choose_for_row(row=doubt, choice="skip", by=batch.by, at=timezone.now())

    actions.start_import(batch=batch, by=batch.by, at=timezone.now())
    batch = finish(batch)

    assert batch.counts == {"created": 1, "joined": 1, "skipped": 1, "failed": 0}
    assert Number.objects.get(e164="+8613800138005").customer != owner


def test_a_workbook_is_read_from_its_first_filled_sheet() -> None:
    content = io.BytesIO()
    with xlsxwriter.Workbook(content) as book:
        book.add_worksheet("封面").write_row(0, 0, ["十月名单"])
        sheet = book.add_worksheet("名单")
        for number, row in enumerate([("姓名", "手机号"), ("张伟", 13800138001), ("李娜", "无")]):
            sheet.write_row(number, 0, row)

    batch = make_bytes(content.getvalue())

    assert batch.sheet == "名单"
    assert carry_out(batch).counts == {"created": 1, "joined": 0, "skipped": 0, "failed": 1}


def test_a_number_on_too_many_rows_is_nobodys() -> None:
    crowd = [(f"客户{n}", "13800138001") for n in range(61)]

    batch = check(make_list([*crowd, ("李娜", "13800138002")]))

    assert batch.findings["problems"] == {"number_crowded": 61}
    assert batch.findings[Finding.NEW] == 1


def test_a_number_recorded_in_the_same_instant_is_seen_at_the_next_try(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    batch = check(make_list([("张伟", "13800138001")]))
    actions.start_import(batch=batch, by=batch.by, at=timezone.now())
    made: list[Customer] = []

    def taken_meanwhile(**arguments: object) -> object:
        monkeypatch.undo()
        made.append(make_customer(name="张伟", numbers=["+8613800138001"]))
        return bulk_create_customers(**arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(importing, "bulk_create_customers", taken_meanwhile)
    batch = finish(batch)

    assert batch.state == BatchState.DONE
    assert sum(batch.counts.values()) == Customer.objects.count() == 1


def test_rows_that_nobody_may_call_are_counted_and_stored() -> None:
    batch = make_list([("张伟", "13800138001"), ("李娜", "13800138002")])
    suppress_number(
        e164="+8613800138001", kind=SuppressionKind.OPTED_OUT, origin="person", by=batch.by,
        at=timezone.now(),
    )  # fmt: skip

    batch = carry_out(batch)

    assert batch.findings["forbidden"] == 1
    assert batch.counts["created"] == 2


def test_two_workers_reading_one_list_store_every_row_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reading, "READ_ROWS", 2)
    batch = make_list([(f"客户{n}", f"1380013{n:04d}") for n in range(7)])
    actions.start_check(batch=batch, by=batch.by, at=timezone.now())
    batch.refresh_from_db()

    one, other = reading.read_file(batch=batch), reading.read_file(batch=batch)
    next(one)
    next(other)
    list(one)
    list(other)

    assert Row.objects.filter(batch=batch).count() == 7
    assert finish(batch).findings[Finding.NEW] == 7
