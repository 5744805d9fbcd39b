"""What people do, in a process of its own: `python -m tests.robustness.hand call 0008`.

Prints one JSON object. The database is the one DATABASE_URL names.
"""
# ruff: noqa: E402  # Django has to be set up before its models are imported

import json
import os
import sys
import tempfile
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "furrow.config.settings")

import django

django.setup()

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.utils import timezone

from furrow.acquisition import actions as acquisition
from furrow.common.jobs import enqueue
from furrow.compliance.actions import set_policy
from furrow.customers.actions import create_customer
from furrow.customers.models import Number
from furrow.dialer.actions import start_call
from furrow.organisation.actions import create_team, create_token, create_user, system_user
from furrow.organisation.models import Team, User
from furrow.organisation.rules import Role


def prepare() -> dict[str, object]:
    """A company whose law lets everybody be called at any time, as tests run at night too."""
    by, at = system_user(), timezone.now()
    always = {"weekdays": [0, 1, 2, 3, 4, 5, 6], "from": "00:00", "to": "24:00"}
    body = {"windows": [always], "on_holidays": True}
    set_policy(region="CN", body=body, note="tests", by=by, at=at)
    team = create_team(name="Robust", by=by, at=at)
    return {"team": team.pk}


def person(role: str = "agent") -> dict[str, Any]:
    """Somebody new, with a session cookie and an API key."""
    by, at = system_user(), timezone.now()
    user = create_user(
        username=f"{role}{User.objects.count()}", display_name="Wang", role=Role(role),
        team=Team.objects.get(), password=None, by=by, at=at,
    )  # fmt: skip
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = "allauth.account.auth_backends.AuthenticationBackend"
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    _token, secret = create_token(name="test", user=user, by=by, at=at)
    return {"user": user.pk, "session": session.session_key, "token": secret}


def customer(ending: str, agent: str) -> dict[str, Any]:
    """An agent's customer, whose number ends so that the carrier's answer is known."""
    at = timezone.now()
    made = create_customer(
        name="李娜", numbers=[f"+86154{Number.objects.count():04d}{ending}"],
        owner=User.objects.get(pk=agent), by=system_user(), at=at,
    )  # fmt: skip
    return {"customer": made.pk, "number": made.numbers.get().pk}


def call(ending: str) -> dict[str, object]:
    """A new agent presses F2 on a new customer."""
    who = person()
    whom = customer(ending, agent=str(who["user"]))
    agent = User.objects.get(pk=who["user"])
    number = Number.objects.get(pk=whom["number"])
    started = start_call(number=number, agent=agent, by=agent, at=timezone.now())
    return who | whom | {"call": started.pk}


def job(name: str) -> dict[str, object]:
    enqueue(name, timestamp=0)
    return {}


def import_list(rows: str) -> dict[str, object]:
    """A checked list of new people, whose import is queued."""
    by, at = system_user(), timezone.now()
    lines = [f"客户{n},166{n:08d}" for n in range(1, int(rows) + 1)]
    with tempfile.TemporaryDirectory() as folder:
        settings.MEDIA_ROOT = folder
        batch = acquisition.upload_list(
            source=acquisition.create_source(name="list", by=by, at=at),
            chunks=["\n".join(["姓名,手机号", *lines]).encode()], file_name="list.csv",
            by=by, at=at,
        )  # fmt: skip
        acquisition.start_check(batch=batch, by=by, at=at)
        while acquisition.take_step(batch_id=batch.pk, at=timezone.now()):
            pass
    acquisition.start_import(batch=batch, by=by, at=timezone.now())
    return {"batch": batch.pk}


if __name__ == "__main__":
    word, *rest = sys.argv[1:]
    known = {f.__name__: f for f in (prepare, person, customer, call, job, import_list)}
    sys.stdout.write(json.dumps(known[word](*rest)))
