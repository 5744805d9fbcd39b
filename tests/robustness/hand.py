"""What people do, in a process of its own: `python -m tests.robustness.hand call 0008`.

Prints one JSON object. The database is the one DATABASE_URL names.
"""
# ruff: noqa: E402  # Django has to be set up before its models are imported

import json
import os
import sys
import tempfile
import time
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "furrow.config.settings")

import django

django.setup()

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.db import DatabaseError, close_old_connections
from django.utils import timezone

from furrow.acquisition import actions as acquisition
from furrow.calls.models import Call
from furrow.calls.rules import Outcome
from furrow.campaigns.actions import (
    CampaignDraft,
    Dialing,
    change_state,
    make_campaign,
    save_script,
    seed_dispositions,
)
from furrow.campaigns.models import Campaign
from furrow.campaigns.rules import CampaignState, DialMode, Effect
from furrow.common.jobs import enqueue
from furrow.common.refusal import Refused
from furrow.compliance.actions import set_policy
from furrow.customers.actions import create_customer
from furrow.customers.models import Customer, Number
from furrow.desk.actions import WrapUp, wrap_up
from furrow.dialer.actions import open_session, start_call
from furrow.dialer.models import Session
from furrow.organisation.actions import (
    create_team,
    create_token,
    create_user,
    system_user,
    touch_presence,
)
from furrow.organisation.models import Team, User
from furrow.organisation.rules import Role
from furrow.pipeline.rules import Stage


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


def campaign(mode: str, agents: str, customers: str) -> dict[str, object]:
    """A running campaign of new agents who take calls, and new customers nobody owns."""
    by, at = system_user(), timezone.now()
    people = [User.objects.get(pk=person()["user"]) for _ in range(int(agents))]
    for n in range(int(customers)):
        create_customer(
            name="王芳", numbers=[f"+86155{n // 10:04d}{3000 + n % 10:04d}"], by=by, at=at
        )
    made, _got = make_campaign(
        draft=CampaignDraft(
            name=f"Drill {Campaign.objects.count()}",
            stage=Stage.SCREENING,
            script_version=save_script(name="Drill", body={}, by=by, at=at),
            disposition_set=seed_dispositions(name="Drill", by=by, at=at),
            agents=people,
            opens_minute=0,
            closes_minute=24 * 60,
            dialing=Dialing(dial_mode=DialMode(mode), small_team=0),
        ),
        customers=Customer.objects.in_pool(),
        by=by,
        at=at,
    )
    change_state(campaign=made, to=CampaignState.RUNNING, by=by, at=at)
    for one in people:
        open_session(agent=one, at=at)
    return {"campaign": made.pk, "targets": made.target_set.count()}


def robots() -> dict[str, object]:
    """Diligent agents, until killed: they stay at their desks and give every call its result."""
    while True:
        try:
            at = timezone.now()
            for agent_id in Session.objects.open().values_list("agent_id", flat=True):
                touch_presence(user_id=agent_id, at=at)
            owed = Call.objects.unwrapped().select_related("campaign", "agent")
            for call in owed.exclude(campaign=None):  # other tests' calls have none
                assert call.campaign is not None
                effect = Effect.REFUSED if call.outcome == Outcome.ANSWERED else Effect.RETRY
                said = call.campaign.disposition_set.dispositions.get(effect=effect)
                wrap_up(call=call, result=WrapUp(said), by=call.talker, at=at)
        except (DatabaseError, Refused) as trouble:
            sys.stderr.write(f"{trouble}\n")
        close_old_connections()
        time.sleep(0.3)


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
    words = (prepare, person, customer, call, campaign, robots, job, import_list)
    known = {f.__name__: f for f in words}
    sys.stdout.write(json.dumps(known[word](*rest)))
