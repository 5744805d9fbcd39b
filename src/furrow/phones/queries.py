"""What the dialer must tell the switch about agents' phones."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from furrow.organisation.models import User

from .models import Account
from .rules import AccountState, phone_name


@dataclass(frozen=True)
class DueAccount:
    """One change at the switch: an account with this password, or, with none, no account."""

    agent_id: int
    name: str
    password: str


def due_accounts(*, at: datetime) -> list[DueAccount]:
    """The changes the switch has not heard of, oldest first."""
    rows = Account.objects.due(at).select_related("agent").order_by("pk")
    return [
        DueAccount(
            agent_id=row.agent_id,
            name=phone_name(row.agent.username),
            password=row.password if _is_good(row, at=at) else "",
        )
        for row in rows
    ]


def _is_good(row: Account, *, at: datetime) -> bool:
    return row.state == AccountState.WANTED and row.until > at and row.agent.is_active


def has_phone(user: User, *, at: datetime) -> bool:
    """Whether somebody's phone window is open, as far as we know."""
    return Account.objects.filter(
        agent=user, until__gt=at, state__in=[AccountState.WANTED, AccountState.GIVEN]
    ).exists()
