"""Giving agents' phones their passwords, and taking them away."""

from __future__ import annotations

import secrets
from datetime import datetime

from django.db import transaction

from furrow.audit.actions import record
from furrow.common.realtime import DIALER_CHANNEL, notify
from furrow.organisation.models import User

from .models import Account
from .queries import DueAccount
from .rules import LIFE, PASSWORD_BYTES, AccountState


@transaction.atomic
def open_phone(*, agent: User, at: datetime) -> str:
    """Make the agent's phone a new password, which the dialer gives to the switch; returns it.

    An earlier one is void from then on. The answer is the only place where it can be read.
    """
    password = secrets.token_urlsafe(PASSWORD_BYTES)
    account, _created = Account.objects.update_or_create(
        agent=agent,
        defaults={"state": AccountState.WANTED, "password": password, "until": at + LIFE},
    )
    record("phone.opened", of=account, by=agent.username, at=at)
    notify(DIALER_CHANNEL)
    return password


@transaction.atomic
def close_phone(*, agent: User, at: datetime) -> None:
    """Let the agent's phone sign in no more. Closing a phone that is not open is no error."""
    account = Account.objects.select_for_update().filter(agent=agent).first()
    if account is None or account.state == AccountState.UNWANTED:
        return
    account.state, account.password = AccountState.UNWANTED, ""
    account.save()
    record("phone.closed", of=account, by=agent.username, at=at)
    notify(DIALER_CHANNEL)


@transaction.atomic
def note_told(*, account: DueAccount, at: datetime) -> None:
    """The switch knows of this change. One that was overtaken meanwhile stays due."""
    rows = Account.objects.select_for_update().filter(agent=account.agent_id)
    if account.password:
        rows.filter(password=account.password).update(state=AccountState.GIVEN, password="")
    else:
        rows.due(at).exclude(
            state=AccountState.WANTED, until__gt=at, agent__is_active=True
        ).delete()
