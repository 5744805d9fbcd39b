"""Mornings that bring a warning bring a mail to whoever asked for one, once."""

from datetime import timedelta
from smtplib import SMTPException
from typing import Any

import pytest
from django.conf import LazySettings
from django.core import mail
from django.core.mail import EmailMessage
from django.test import Client

from furrow.audit.models import Event
from furrow.customers.tests.make import make_customer
from furrow.organisation.models import User
from furrow.organisation.tests.make import NOON, make_agent
from furrow.ownership.actions import ask_for_warnings, return_due, send_warnings, stop_warnings
from furrow.ownership.models import WarningMail
from furrow.ownership.rules import DAY

from .make import put_in_force

pytestmark = pytest.mark.django_db

LINK = "https://furrow.example/losing/"
EARLY = NOON - timedelta(hours=13)  # 7 in the morning, where the company is


def make_warned(*, language: str = "en") -> User:
    """An agent with two customers whose first conversation is due in three days."""
    put_in_force(clocks={"first_days": 3})
    agent = make_agent()
    for _n in range(2):
        make_customer(owner=agent, name="王伟芳")
    ask_for_warnings(address="agent@example.com", language=language, by=agent, at=NOON)
    return_due(at=NOON)
    return agent


@pytest.mark.parametrize(
    ("language", "told"),
    [("en", "2 leave you within 7 days."), ("zh-hans", "7 天内将离开您的有 2 位。")],
)
def test_a_mail_tells_how_many_and_never_who(language: str, told: str) -> None:
    make_warned(language=language)

    assert send_warnings(at=NOON, link=LINK) == 1

    [letter] = mail.outbox
    assert letter.to == ["agent@example.com"]
    assert told in letter.body
    assert LINK in letter.body
    assert "王" not in f"{letter.subject}{letter.body}"


def test_one_mail_a_day_and_none_before_the_morning() -> None:
    make_warned()

    assert send_warnings(at=EARLY, link="") == 0
    assert [send_warnings(at=NOON, link=""), send_warnings(at=NOON, link="")] == [1, 0]
    assert send_warnings(at=NOON + DAY, link="") == 1


def test_without_a_warning_there_is_no_mail() -> None:
    agent = make_agent()
    ask_for_warnings(address="agent@example.com", language="en", by=agent, at=NOON)

    assert send_warnings(at=NOON, link="") == 0
    assert WarningMail.objects.get().sent_on is not None, "looked at once a day"


def test_whoever_has_left_is_not_written_to() -> None:
    agent = make_warned()
    User.objects.filter(pk=agent.pk).update(is_active=False)

    assert send_warnings(at=NOON, link="") == 0


def test_what_the_server_refuses_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    make_warned()

    def refuses(self: EmailMessage, **_given: Any) -> int:
        raise SMTPException("busy")

    with monkeypatch.context() as broken:
        broken.setattr(EmailMessage, "send", refuses)
        assert send_warnings(at=NOON, link="") == 0
    assert send_warnings(at=NOON, link="") == 1


def test_people_ask_for_it_and_stop_it_themselves(client: Client, settings: LazySettings) -> None:
    settings.EMAIL_HOST = "mail.example"
    agent = make_agent()
    client.force_login(agent)

    assert client.post("/losing/mail/", {"address": "nonsense"}).status_code == 409
    client.post("/losing/mail/", {"address": "agent@example.com"})
    assert "agent@example.com" in client.get("/losing/").content.decode()
    client.post("/losing/mail/", {"stop": "1"})

    assert not WarningMail.objects.exists()
    assert not stop_warnings(by=agent, at=NOON)
    told = set(Event.objects.filter(what__startswith="warnings").values_list("what", flat=True))
    assert told == {"warnings.asked", "warnings.stopped"}
