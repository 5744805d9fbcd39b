"""The wizard's pages."""

import csv
import io

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from furrow.acquisition import actions
from furrow.acquisition.models import Batch, Row, Source
from furrow.acquisition.rules import REASON_HEADER, BatchState, Finding
from furrow.audit.models import Event
from furrow.customers.models import Number
from furrow.customers.tests.make import make_customer
from furrow.organisation.models import User
from furrow.organisation.rules import Role
from furrow.organisation.tests.make import make_agent, make_user

from .make import carry_out, check, make_list, make_source, undo, work

pytestmark = pytest.mark.django_db

ROWS = [
    ("张伟", "13800138001"),
    ("張偉先生", "+86 13800138001"),
    ("王芳", "1.38E+10"),
    ("李娜", "13800138002"),
]


@pytest.fixture
def operations() -> User:
    return make_user(role=Role.OPERATIONS)


@pytest.fixture
def browser_of(client: Client, operations: User) -> Client:
    client.force_login(operations)
    return client


def page(client: Client, name: str, *args: object) -> str:
    response = client.get(reverse(name, args=args))
    assert response.status_code == 200
    return str(response.content.decode())


def test_the_whole_journey_through_the_pages(browser_of: Client) -> None:
    text = "客户姓名,联系电话\n" + "\n".join(",".join(row) for row in ROWS)
    response = browser_of.post(
        reverse("import-new"),
        {
            "file": SimpleUploadedFile("十月.csv", text.encode("gb18030")),
            "new-name": "October fair",
            "new-kind": "event",
            "new-legal_basis": "consent",
            "new-purpose": "Invitation to courses",
            "new-region": "CN",
            "cost": "120.50",
        },
    )
    batch = Batch.objects.get()
    assert response.status_code == 302
    assert (batch.cost_minor, batch.source.name) == (12050, "October fair")
    shown = page(browser_of, "import", batch.pk)
    assert "138****8001" in shown
    assert "13800138001" not in shown

    said = {"column-0": "name", "column-1": "phone", "kind": "", "region": "CN"}
    browser_of.post(reverse("import-columns", args=[batch.pk]), said)
    assert "Checking every row" in page(browser_of, "import-state", batch.pk)
    work(batch)
    shown = page(browser_of, "import", batch.pk)
    assert "3 of 4 rows can be imported" in shown
    assert "1.38E+10" in shown

    browser_of.post(reverse("import-go", args=[batch.pk, "import"]))
    assert "Importing" in page(browser_of, "import-state", batch.pk)
    work(batch)
    shown = page(browser_of, "import", batch.pk)
    assert "4 rows = 2 new customers + 1 joined + 0 left out + 1 not importable." in shown
    assert "十月.csv" in page(browser_of, "imports")
    assert "¥120.50" in page(browser_of, "sources")

    browser_of.post(reverse("import-go", args=[batch.pk, "undo"]))
    work(batch)
    assert "2 customers deleted" in page(browser_of, "import", batch.pk)


def test_the_error_file_names_the_reason_and_can_be_imported_again(browser_of: Client) -> None:
    batch = carry_out(make_list(ROWS))

    response = browser_of.post(reverse("import-errors", args=[batch.pk]))
    content = b"".join(response.streaming_content)  # type: ignore[attr-defined]

    rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))
    assert rows[0] == ["姓名", "手机号", REASON_HEADER]
    assert rows[1][:2] == ["王芳", "1.38E+10"]
    assert "last digits" in rows[1][2]
    assert Event.objects.about(batch).filter(what="list.errors_downloaded").exists()
    corrected = content.decode().replace("1.38E+10", "13800138009")
    again = actions.upload_list(
        source=batch.source, chunks=[corrected.encode()], file_name="errors.csv", by=batch.by,
        at=timezone.now(),
    )  # fmt: skip
    assert REASON_HEADER not in again.mapping
    assert carry_out(again).counts["created"] == 1


def test_a_row_is_corrected_and_chosen_in_place(browser_of: Client) -> None:
    make_customer(name="李娜", numbers=["+8613800138001"])
    batch = check(make_list(ROWS))
    problem = Row.objects.get(batch=batch, finding=Finding.PROBLEM)
    doubt = Row.objects.get(batch=batch, finding=Finding.DOUBT, line=1)

    fixed = browser_of.post(
        reverse("import-row", args=[batch.pk, problem.line]), {"cell-1": "13800138008"}
    )
    assert "Will be a new customer" in fixed.content.decode()
    chosen = browser_of.post(reverse("import-row", args=[batch.pk, doubt.line]), {"choice": "skip"})
    assert chosen.status_code == 200
    doubt.refresh_from_db()
    assert doubt.choice == "skip"
    more = browser_of.get(reverse("import-rows", args=[batch.pk, "doubt"]), {"after": 0})
    assert "李娜" in more.content.decode()
    all_of_them = browser_of.post(reverse("import-choices", args=[batch.pk]), {"doubt": "join"})
    assert all_of_them.status_code == 200
    batch.refresh_from_db()
    assert batch.choices == {"doubt": "join"}


def test_a_stopped_list_says_so_and_goes_on(browser_of: Client) -> None:
    batch = make_list(ROWS)
    actions.start_check(batch=batch, by=batch.by, at=timezone.now())
    browser_of.post(reverse("import-go", args=[batch.pk, "stop"]))
    assert "The list was stopped." in page(browser_of, "import", batch.pk)

    browser_of.post(reverse("import-go", args=[batch.pk, "resume"]))

    assert work(batch).state == BatchState.CHECKED


def test_a_step_out_of_turn_is_refused_with_its_rule(browser_of: Client) -> None:
    batch = make_list(ROWS)

    response = browser_of.post(reverse("import-go", args=[batch.pk, "import"]))

    assert response.status_code == 409
    assert "A3" in response.content.decode()


def test_a_file_that_is_no_list_is_refused_on_the_form(browser_of: Client) -> None:
    response = browser_of.post(
        reverse("import-new"),
        {"file": SimpleUploadedFile("x.xlsx", b"PK\x03\x04"), "source": make_source().pk},
    )

    assert response.status_code == 200
    assert "The workbook cannot be read" in response.content.decode()
    assert "This field is required" not in response.content.decode()  # a source was chosen


def test_one_row_with_a_cell_too_many_is_a_problem_of_that_row(browser_of: Client) -> None:
    batch = check(make_list([("张伟", "13800138001"), ("李娜", "13800138002", "more")]))

    assert list(Row.objects.filter(batch=batch).order_by("line").values_list("problem")) == [
        ("",), ("ragged",),
    ]  # fmt: skip


def test_sources_are_made_and_changed(browser_of: Client) -> None:
    said = {"name": "Bought A", "kind": "bought", "legal_basis": "interest", "purpose": "p"}
    assert browser_of.post(reverse("source-new"), said).status_code == 302
    source = Source.objects.get()
    page(browser_of, "source", source.pk)

    browser_of.post(reverse("source", args=[source.pk]), {**said, "name": "Bought B"})

    source.refresh_from_db()
    assert source.name == "Bought B"
    assert "Bought B" in page(browser_of, "sources")


def test_an_agent_is_told_where_the_number_came_from_but_imports_nothing(client: Client) -> None:
    batch = carry_out(make_list([("张伟", "13800138001")]))
    customer = Number.objects.get().customer
    agent = make_agent()
    customer.team = agent.team
    customer.save()
    client.force_login(agent)

    shown = page(client, "origins-panel", customer.pk)

    assert batch.source.name in shown
    assert "Consent" in shown
    assert "13800138001" not in shown
    for name, args in [("imports", []), ("import", [batch.pk]), ("sources", [])]:
        assert client.get(reverse(name, args=args)).status_code == 403


def test_the_page_of_an_undone_list_says_what_was_left(browser_of: Client) -> None:
    batch = carry_out(make_list(ROWS))
    first = Number.objects.get(e164="+8613800138001").customer
    carry_out(make_list([(first.name, "13800138001")]))

    undo(batch)

    shown = page(browser_of, "import", batch.pk)
    assert "Left in place" in shown
    assert "Another source named the customer too." in shown
