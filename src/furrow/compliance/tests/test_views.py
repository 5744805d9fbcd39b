from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from furrow.compliance.actions import seed_compliance
from furrow.compliance.models import CalendarDay, PolicyVersion, Register, Suppression
from furrow.compliance.queries import policy_body
from furrow.organisation.rules import Role
from furrow.organisation.tests.make import NOON, make_user

from .make import make_suppression

pytestmark = pytest.mark.django_db
NUMBER = "+8613800138000"


@pytest.fixture
def manager(client: Client) -> Client:
    client.force_login(make_user(role=Role.MANAGER))
    return client


def test_the_list_shows_masked_numbers_and_pages_back(manager: Client) -> None:
    for n in range(52):
        make_suppression(e164=f"+86138001380{n:02}")

    first = manager.get("/compliance/suppressions/").content.decode()
    assert first.count("138****80") == 50
    older = first.split("?after=")[1].split("&")[0]
    second = manager.get(f"/compliance/suppressions/?after={older}").content.decode()

    assert second.count("138****80") == 2
    assert "138001380" not in first + second


@pytest.mark.parametrize("typed", ["8000", "138 0013 8000", "+86-138-0013-8000", "１３８00138000"])
def test_a_number_is_found_by_its_last_digits_or_whole(manager: Client, typed: str) -> None:
    make_suppression(e164=NUMBER, reason="by post")
    make_suppression(e164="+8613800139999")

    page = manager.post("/compliance/suppressions/search/", {"number": typed}).content.decode()

    assert page.count("138****8000") == 1
    assert "138****9999" not in page


def test_the_search_never_answers_get(manager: Client) -> None:
    answer = manager.get(f"/compliance/suppressions/search/?number={NUMBER}")

    assert answer.status_code == 302


def test_adding_a_number_in_any_spelling(manager: Client) -> None:
    answer = manager.post(
        "/compliance/suppressions/add/",
        {"number": "138-0013-8000", "kind": "complaint", "reason": "wrote to us", "until": ""},
        headers={"HX-Request": "true"},
    )

    assert answer.status_code == 204
    suppression = Suppression.objects.get()
    assert (suppression.e164, suppression.kind) == (NUMBER, "complaint")


@pytest.mark.parametrize("typed", ["", "abc", "12", "13800138000 13900139000"])
def test_what_is_not_one_number_is_told_at_the_field(manager: Client, typed: str) -> None:
    answer = manager.post("/compliance/suppressions/add/", {"number": typed, "kind": "invalid"})

    assert answer.status_code == 200
    assert answer.context["form"].errors["number"]
    assert not Suppression.objects.exists()


def test_an_end_in_the_past_is_a_409_with_the_rule(manager: Client) -> None:
    answer = manager.post(
        "/compliance/suppressions/add/",
        {"number": NUMBER, "kind": "invalid", "until": "2020-01-01"},
        headers={"HX-Request": "true"},
    )

    assert answer.status_code == 409
    assert "C4" in answer.content.decode()


def test_lifting_asks_for_a_reason(manager: Client) -> None:
    suppression = make_suppression(e164=NUMBER)
    url = f"/compliance/suppressions/{suppression.pk}/lift/"

    assert "138****8000" in manager.get(url).content.decode()
    assert manager.post(url, {"reason": ""}).status_code == 200
    assert manager.post(url, {"reason": "asked us"}).status_code == 302

    suppression.refresh_from_db()
    assert suppression.lifted_reason == "asked us"


def test_who_may_do_what(client: Client) -> None:
    suppression = make_suppression(e164=NUMBER)
    client.force_login(make_user(role=Role.AGENT))

    assert client.get("/compliance/suppressions/").status_code == 200
    assert client.post(f"/compliance/suppressions/{suppression.pk}/lift/").status_code == 403
    assert client.get("/compliance/policy/").status_code == 403


def policy_data(**changes: Any) -> dict[str, Any]:
    """What the browser posts for: Monday to Friday 9 to 20, three calls in five minutes."""
    data: dict[str, Any] = {
        "windows-TOTAL_FORMS": 2, "windows-INITIAL_FORMS": 1,
        "windows-0-weekdays": ["0", "1", "2", "3", "4"],
        "windows-0-opens": "09:00", "windows-0-closes": "20:00",
        "number_caps-TOTAL_FORMS": 1, "number_caps-INITIAL_FORMS": 0,
        "number_caps-0-most": "3", "number_caps-0-within": "5", "number_caps-0-unit": "1",
        "customer_caps-TOTAL_FORMS": 1, "customer_caps-INITIAL_FORMS": 0,
        "customer_caps-0-unit": "1",
        "silence_after_refusal_days": "14", "source": "the law", "note": "new law",
    }  # fmt: skip
    return data | changes


def test_saving_rules_makes_a_new_version(manager: Client) -> None:
    assert manager.post("/compliance/policy/CN/", policy_data()).status_code == 302

    version = PolicyVersion.objects.get()
    saved = {
        "windows": [{"weekdays": [0, 1, 2, 3, 4], "from": "09:00", "to": "20:00"}],
        "on_holidays": False,
        "number_caps": [{"most": 3, "minutes": 5}],
        "customer_caps": [],
        "silence_after_refusal_days": 14,
        "source": "the law",
    }
    assert saved.items() <= version.body.items()
    page = manager.get("/compliance/policy/CN/").content.decode()
    assert "new law" in page
    assert "the law" in manager.get("/compliance/policy/").content.decode()


@pytest.mark.parametrize(
    ("changes", "part", "field"),
    [
        ({"windows-0-closes": "08:00"}, "windows", "closes"),
        ({"windows-0-opens": ""}, "windows", "opens"),
        ({"windows-0-opens": "nine"}, "windows", "opens"),
        ({"number_caps-0-most": "0"}, "number_caps", "most"),
        ({"number_caps-0-within": ""}, "number_caps", "within"),
        ({"customer_caps-0-within": "4"}, "customer_caps", "most"),
        ({"silence_after_refusal_days": "-1"}, "policy", "silence_after_refusal_days"),
        ({"note": ""}, "policy", "note"),
    ],
)
def test_a_mistake_is_told_at_its_field(
    manager: Client, changes: dict[str, Any], part: str, field: str
) -> None:
    answer = manager.post("/compliance/policy/CN/", policy_data(**changes))

    assert answer.status_code == 200
    errors = getattr(answer.context["forms"], part).errors
    found = errors[0] if isinstance(errors, list) else errors
    assert field in found
    assert not PolicyVersion.objects.exists()


def test_midnight_is_the_end_of_the_day_and_comes_back_so(manager: Client) -> None:
    changes = {"windows-0-opens": "00:00", "windows-0-closes": "00:00"}
    manager.post("/compliance/policy/CN/", policy_data(**changes))

    assert PolicyVersion.objects.get().body["windows"][0]["to"] == "24:00"
    assert 'value="00:00"' in manager.get("/compliance/policy/CN/").content.decode()


def test_rules_for_another_region_begin_as_those_for_all_others(manager: Client) -> None:
    answer = manager.get("/compliance/policy/add/?region=pl")
    assert answer["Location"] == "/compliance/policy/PL/"
    assert manager.get("/compliance/policy/PL/").status_code == 200
    assert policy_body(region="PL", at=NOON) == policy_body(region="*", at=NOON)
    assert manager.get("/compliance/policy/add/?region=x")["Location"] == "/compliance/policy/"
    assert manager.get("/compliance/policy/china/").status_code == 404


def test_the_rules_page_shows_each_region_open_or_closed(manager: Client) -> None:
    seed_compliance(by=make_user(), at=datetime(2026, 3, 2, tzinfo=UTC))

    page = manager.get("/compliance/policy/").content.decode()

    for told in ("Asia/Shanghai", "Europe/Paris", "America/Los_Angeles", "All others"):
        assert told in page


def test_the_calendar_is_edited_day_by_day(manager: Client) -> None:
    url = "/compliance/policy/CN/calendar/2026/"
    manager.post(url, {"on": "2026-10-10", "kind": "workday", "name": "for the holiday"})
    assert CalendarDay.objects.get().on == date(2026, 10, 10)
    assert "for the holiday" in manager.get(url).content.decode()

    manager.post(url, {"on": "2026-10-10", "kind": ""})
    assert not CalendarDay.objects.exists()

    manager.post(f"{url}fill/")
    assert CalendarDay.objects.filter(region="CN", on__year=2026).count() > 20
    assert manager.get("/compliance/policy/*/calendar/2026/").status_code == 404


def test_a_pack_is_adopted_with_one_button(manager: Client) -> None:
    page = manager.get("/compliance/policy/CN/").content.decode()
    assert "79155" in page  # each figure shows its source

    manager.post("/compliance/policy/CN/adopt/", {"pack": "cn-property"})

    assert PolicyVersion.objects.get(region="CN").body["pack"] == "cn-property"


def test_a_changed_figure_loses_the_source_it_had(manager: Client) -> None:
    manager.post("/compliance/policy/CN/adopt/", {"pack": "cn"})
    manager.post("/compliance/policy/CN/", policy_data(silence_after_refusal_days="99"))

    sources = PolicyVersion.objects.get(region="CN", version=2).body["sources"]
    assert "silence_after_refusal_days" not in sources
    assert "consent_for" in sources


def test_a_register_is_imported_by_a_page_and_set_aside(manager: Client) -> None:
    file = SimpleUploadedFile("tps.txt", b"13800138000\nnobody\n")
    manager.post(
        "/compliance/registers/",
        {"name": "TPS", "region": "cn", "refresh_days": "28", "file": file, "is_whole": "on"},
    )

    register = Register.objects.get()
    assert (register.name, register.region, register.size) == ("TPS", "CN", 1)
    assert "TPS" in manager.get("/compliance/registers/").content.decode()
    manager.post(f"/compliance/registers/{register.pk}/active/", {"active": "0"})
    register.refresh_from_db()
    assert not register.is_active
