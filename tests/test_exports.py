"""A file from the customers' list: asked for, approved, written, marked, taken, deleted."""

import csv
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from furrow.audit.models import Event
from furrow.config.trail import trace as trace_command
from furrow.customers.tests.make import make_customer, make_e164
from furrow.exports.actions import (
    ask_export,
    decide_export,
    delete_expired,
    note_download,
    take_rows,
    write_export,
)
from furrow.exports.kinds import What
from furrow.exports.models import Export, Taking
from furrow.exports.queries import file_of, trace
from furrow.exports.rules import CannotExport, ExportState, find_marks
from furrow.organisation.actions import change_rights, change_user
from furrow.organisation.models import User
from furrow.organisation.rights import rights_with
from furrow.organisation.rules import Role
from furrow.organisation.tests.make import NOON, make_user
from furrow.sightings.actions import plant
from furrow.sightings.models import Alert

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _files_in_a_folder_of_their_own(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path


COLUMNS = ("id", "name", "number", "email")


def asker() -> User:
    return make_user(role=Role.OPERATIONS)


def make_export(by: User, *, columns: tuple[str, ...] = COLUMNS, **what: Any) -> Export:
    return ask_export(
        kind="customers", what=What(**what), columns=columns, reason="a mailing", by=by, at=NOON
    )


def written(by: User, *, columns: tuple[str, ...] = COLUMNS, **what: Any) -> Export:
    export = make_export(by, columns=columns, **what)
    decide_export(export=export, is_approved=True, by=make_user(role=Role.MANAGER), at=NOON)
    write_export(export_id=export.pk, at=NOON)
    export.refresh_from_db()
    return export


def rows_of(export: Export) -> list[list[str]]:
    text = file_of(export).read_text(encoding="utf-8-sig")
    return list(csv.reader(text.splitlines()))


def limit_rows(most: int) -> None:
    change_rights(
        rights=rights_with({"limits": {"operations": {"export_rows": most}}}, version=0),
        reason="test", version=0, by=make_user(role=Role.ADMINISTRATOR), at=NOON,
    )  # fmt: skip


# -- approval --------------------------------------------------------------------------------------


def test_a_file_is_written_only_when_somebody_else_approved() -> None:
    make_customer()
    user = asker()
    export = make_export(user)
    write_export(export_id=export.pk, at=NOON)
    assert Export.objects.get().state == ExportState.ASKED

    with pytest.raises(CannotExport, match="own"):
        decide_export(export=export, is_approved=True, by=user, at=NOON)
    manager = make_user(role=Role.MANAGER)
    decide_export(export=export, is_approved=True, by=manager, at=NOON)
    write_export(export_id=export.pk, at=NOON)

    export.refresh_from_db()
    assert (export.state, export.decided_by, export.rows) == (ExportState.READY, manager, 1)
    told = list(Event.objects.about(export).order_by("id").values_list("what", "who"))
    assert told == [
        ("export.asked", user.username),
        ("export.approved", manager.username),
        ("export.written", user.username),
    ]


def test_the_database_refuses_self_approval_too() -> None:
    make_customer()
    user = asker()
    export = make_export(user)

    with pytest.raises(IntegrityError, match="by_another"), transaction.atomic():
        Export.objects.filter(pk=export.pk).update(decided_by=user, state="approved")


def test_a_refusal_needs_words_and_ends_it() -> None:
    make_customer()
    export, manager = make_export(asker()), make_user(role=Role.MANAGER)

    with pytest.raises(CannotExport, match="why"):
        decide_export(export=export, is_approved=False, by=manager, at=NOON)
    decide_export(export=export, is_approved=False, decision="too many", by=manager, at=NOON)
    with pytest.raises(CannotExport, match="already"):
        decide_export(export=export, is_approved=True, by=manager, at=NOON)


@pytest.mark.parametrize(
    ("change", "words"),
    [({"reason": " "}, "what the file is for"), ({"columns": ()}, "column"),
     ({"what": What("city=nowhere")}, "Nothing matches")],
)  # fmt: skip
def test_what_cannot_be_asked(change: dict[str, Any], words: str) -> None:
    make_customer()
    asked: dict[str, Any] = {"what": What(), "columns": COLUMNS, "reason": "a mailing"}

    with pytest.raises(CannotExport, match=words):
        ask_export(kind="customers", **asked | change, by=asker(), at=NOON)


# -- the file --------------------------------------------------------------------------------------


def test_the_file_is_masked_harmless_and_marked_twice() -> None:
    make_customer(name="=cmd()", numbers=["+8613800138000"])
    user = asker()

    export = written(user)

    header, row = rows_of(export)
    assert header[-1] == "Export"
    assert row[1].startswith("'=cmd()")
    assert row[2] == "138****8000"
    assert f"{export.seen_mark}, taken by {user}" in row[-1]
    assert find_marks(row[1]) == {export.mark}  # though the last column be cut off
    text = file_of(export).read_text()
    assert "13800138000" not in text
    assert trace(text) == [export]


def test_each_file_carries_planted_records_of_its_own() -> None:
    for n in range(8):
        planted = make_customer(name=f"埋{n}")
        planted.is_planted = True
        planted.save()
    real = make_customer(name="真")
    user = asker()

    first, second = written(user), written(user)

    assert first.rows == second.rows == 4
    assert len(first.baits) == len(second.baits) == 3
    ids = [int(row[0]) for row in rows_of(first)[1:]]
    assert sorted(ids) == sorted([real.pk, *first.baits])


def test_the_asker_gets_what_the_screen_would_show() -> None:
    customer = make_customer()
    customer.email = "wang.fang@example.com"
    customer.save()
    change_rights(
        rights=rights_with({"fields": {"operations": {"pool": {"email": "masked"}}}}, version=0),
        reason="test", version=0, by=make_user(role=Role.ADMINISTRATOR), at=NOON,
    )  # fmt: skip

    assert rows_of(written(asker()))[1][3] == "w•••@example.com"


def test_only_chosen_rows_and_columns() -> None:
    wanted, _other = make_customer(city="深圳"), make_customer(city="上海")
    user = asker()

    by_filter = written(user, columns=("id", "city"), query="city=深圳")
    by_hand = written(user, columns=("id",), ids=(wanted.pk,))

    assert [row[:2] for row in rows_of(by_filter)][1:] == [[str(wanted.pk), "深圳"]]
    assert [row[0] for row in rows_of(by_hand)[1:]] == [str(wanted.pk)]


# -- the quota -------------------------------------------------------------------------------------


def test_the_days_rows_are_counted_over_exports_and_small_tables() -> None:
    limit_rows(3)
    make_customer()
    user = asker()
    at = timezone.now()
    take_rows(what="report.day", rows=2, by=user, at=at)

    with pytest.raises(CannotExport, match="have taken 2"):
        take_rows(what="report.day", rows=2, by=user, at=at)
    take_rows(what="report.day", rows=1, by=user, at=at)
    with pytest.raises(CannotExport):
        ask_export(kind="customers", what=What(), columns=COLUMNS, reason="x", by=user, at=at)
    take_rows(what="report.day", rows=3, by=user, at=at + timedelta(days=1))


def test_who_used_up_the_quota_meanwhile_gets_no_file_but_the_reason() -> None:
    limit_rows(1)
    make_customer()
    user = asker()
    export = make_export(user)
    decide_export(export=export, is_approved=True, by=make_user(role=Role.MANAGER), at=NOON)
    take_rows(what="report.day", rows=1, by=user, at=NOON)

    write_export(export_id=export.pk, at=NOON)

    export.refresh_from_db()
    assert export.state == ExportState.FAILED
    assert "have taken 1" in export.error


def test_who_may_not_export_any_more_gets_no_file() -> None:
    make_customer()
    user = asker()
    export = make_export(user)
    decide_export(export=export, is_approved=True, by=make_user(role=Role.MANAGER), at=NOON)
    change_user(
        user=user, role=Role.QA, team=None, is_active=True, by=make_user(role=Role.MANAGER), at=NOON
    )

    write_export(export_id=export.pk, at=NOON)

    export.refresh_from_db()
    assert export.state == ExportState.FAILED


def test_a_job_that_runs_twice_counts_its_rows_once() -> None:
    make_customer()
    export = written(asker())
    write_export(export_id=export.pk, at=NOON)

    assert Taking.objects.get().rows == 1


# -- taking it -------------------------------------------------------------------------------------


def test_only_the_asker_downloads_by_a_link_of_a_minute(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_customer()
    user, other = asker(), make_user(role=Role.MANAGER)
    export = make_export(user)
    decide_export(export=export, is_approved=True, by=other, at=timezone.now())
    write_export(export_id=export.pk, at=timezone.now())
    client.force_login(user)

    answer = client.post(reverse("export-download", args=[export.pk]))
    link = answer.headers["Location"]
    file = client.get(link)

    assert file.status_code == 200
    assert export.seen_mark.encode() in b"".join(file.streaming_content)  # type: ignore[attr-defined]
    assert Event.objects.about(export).filter(what="export.downloaded").count() == 1
    monkeypatch.setattr("furrow.exports.views.LINK_SECONDS", -1)
    assert client.get(link).status_code == 409
    assert client.get(link[:-3] + "xx/").status_code == 404
    client.force_login(other)
    monkeypatch.undo()
    assert client.get(link).status_code == 404
    assert client.post(reverse("export-download", args=[export.pk])).status_code == 409


def test_a_file_is_deleted_when_its_time_is_over() -> None:
    make_customer()
    user = asker()
    export = written(user)
    path = file_of(export)

    assert delete_expired(at=NOON + timedelta(days=2)) == 0
    assert delete_expired(at=NOON + timedelta(days=3)) == 1
    assert delete_expired(at=NOON + timedelta(days=3)) == 0

    export.refresh_from_db()
    assert export.state == ExportState.EXPIRED
    assert not path.exists()
    with pytest.raises(CannotExport, match="not there"):
        note_download(export=export, by=user, at=NOON)


# -- pages -----------------------------------------------------------------------------------------


def test_from_the_list_to_the_file_by_the_pages(client: Client) -> None:
    make_customer(city="深圳")
    user, manager = asker(), make_user(role=Role.MANAGER)
    client.force_login(user)

    form = client.post("/customers/export/", {"all": "1", "query": "city=深圳"})
    assert b"1 row" in form.content
    client.post(
        reverse("export-ask"),
        {"kind": "customers", "query": "city=深圳", "ids": "", "columns": ["id", "name"],
         "reason": "a mailing"},
    )  # fmt: skip
    export = Export.objects.get()
    own = client.get(reverse("export", args=[export.pk])).content.decode()
    assert "City: 深圳" in own
    assert reverse("export-decide", args=[export.pk]) not in own
    assert client.post(reverse("export-decide", args=[export.pk])).status_code == 403
    client.force_login(manager)
    assert b"Waiting for you" in client.get(reverse("exports")).content
    client.post(reverse("export-decide", args=[export.pk]), {"approve": "1"})
    write_export(export_id=export.pk, at=timezone.now())
    client.force_login(user)
    page = client.get(reverse("export", args=[export.pk])).content.decode()
    assert reverse("export-download", args=[export.pk]) in page
    assert client.get(reverse("exports")).status_code == 200


def test_nobody_sees_exports_of_others_without_the_right(client: Client) -> None:
    make_customer()
    export = make_export(asker())
    client.force_login(asker())

    assert client.get(reverse("export", args=[export.pk])).status_code == 404


def test_the_command_names_the_export_of_a_file(
    capsys: pytest.CaptureFixture[str], tmp_path: Any
) -> None:
    make_customer()
    user = asker()
    export = written(user)
    leaked = tmp_path / "leaked.txt"
    leaked.write_text("\n".join(row[1] for row in rows_of(export)), encoding="utf-8")

    assert trace_command([str(leaked)]) == 0
    said = capsys.readouterr().out
    assert f"taken by {user.username}" in said
    leaked.write_text("nothing", encoding="utf-8")
    assert trace_command([str(leaked)]) == 1


def test_who_ticks_a_planted_record_is_told_of(client: Client) -> None:
    by = make_user(role=Role.ADMINISTRATOR)
    planted = plant(name="周静", number=make_e164(), city="", team=None, by=by, at=NOON)
    client.force_login(asker())

    form = client.post("/customers/export/", {"ids": planted.customer_id, "query": ""})

    assert b"1 row" in form.content  # nothing gives it away
    assert Alert.objects.get().evidence == {"where": "customers-export"}
