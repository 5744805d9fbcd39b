"""A phone's password: one per person, known to nobody for long."""

import json
from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.test import Client
from django.urls import reverse

from furrow.audit.models import Event
from furrow.organisation.tests.make import NOON, make_user
from furrow.phones.actions import close_phone, note_told, open_phone
from furrow.phones.models import Account
from furrow.phones.queries import due_accounts
from furrow.phones.rules import LIFE, AccountState

pytestmark = pytest.mark.django_db


def test_the_switch_is_told_once_and_the_password_forgotten() -> None:
    anna = make_user(username="anna")
    password = open_phone(agent=anna, at=NOON)

    (due,) = due_accounts(at=NOON)
    assert (due.name, due.password) == ("agent-anna", password)
    note_told(account=due, at=NOON)

    assert due_accounts(at=NOON) == []
    account = Account.objects.get()
    assert (account.state, account.password) == (AccountState.GIVEN, "")


def test_a_new_window_has_a_new_password_and_the_old_one_is_void() -> None:
    anna = make_user(username="anna")
    first = open_phone(agent=anna, at=NOON)
    (overtaken,) = due_accounts(at=NOON)
    second = open_phone(agent=anna, at=NOON)
    note_told(account=overtaken, at=NOON)

    assert first != second
    assert [each.password for each in due_accounts(at=NOON)] == [second]


def test_a_closed_phone_is_taken_from_the_switch() -> None:
    anna = make_user(username="anna")
    open_phone(agent=anna, at=NOON)
    close_phone(agent=anna, at=NOON)
    close_phone(agent=anna, at=NOON)

    (due,) = due_accounts(at=NOON)
    assert due.password == ""
    note_told(account=due, at=NOON)
    assert not Account.objects.exists()
    assert list(Event.objects.order_by("pk").values_list("what", flat=True)) == [
        "phone.opened",
        "phone.closed",
    ]


def test_whoever_leaves_the_company_loses_the_phone() -> None:
    anna = make_user(username="anna")
    open_phone(agent=anna, at=NOON)
    note_told(account=due_accounts(at=NOON)[0], at=NOON)
    anna.is_active = False
    anna.save()

    assert [each.password for each in due_accounts(at=NOON)] == [""]


def test_a_password_lives_for_a_working_day() -> None:
    anna = make_user(username="anna")
    open_phone(agent=anna, at=NOON)
    note_told(account=due_accounts(at=NOON)[0], at=NOON)

    assert due_accounts(at=NOON + LIFE - timedelta(seconds=1)) == []
    assert [each.password for each in due_accounts(at=NOON + LIFE)] == [""]


def test_only_the_phone_window_may_use_the_microphone_and_the_switch(
    client: Client, settings: LazySettings
) -> None:
    settings.TELEPHONY, settings.PHONE_SOCKET = "asterisk", "wss://phone.example.com/ws"
    client.force_login(make_user(username="anna"))

    window = client.get(reverse("phone"))
    desk = client.get(reverse("desk"))

    assert "wss://phone.example.com/ws" in window["Content-Security-Policy"]
    assert window["Permissions-Policy"] == "microphone=(self)"
    assert "wss://phone.example.com" not in desk["Content-Security-Policy"]


def test_a_window_gets_its_account_by_post(client: Client) -> None:
    client.force_login(make_user(username="anna"))

    answer = client.post(reverse("phone-open"))

    told = json.loads(answer.content)
    assert told["user"] == "agent-anna"
    assert told["password"] == Account.objects.get().password
    assert answer["Cache-Control"] == "no-store"
    assert client.post(reverse("phone-close")).status_code == 204
    assert Account.objects.get().state == AccountState.UNWANTED


def test_without_a_switch_the_window_says_so(client: Client) -> None:
    client.force_login(make_user(username="anna"))

    assert "simulated" in client.get(reverse("phone")).content.decode()
