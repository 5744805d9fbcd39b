"""Calling rules and suppressions for tests."""

from datetime import datetime, timedelta
from typing import Any

from furrow.compliance.actions import suppress_number
from furrow.compliance.models import Suppression
from furrow.compliance.rules import Policy, SuppressionKind, policy_from
from furrow.organisation.models import User
from furrow.organisation.rules import Role
from furrow.organisation.tests.make import NOON, make_user

WEEK = [0, 1, 2, 3, 4, 5, 6]


def make_body(**changes: Any) -> dict[str, Any]:
    """A policy's JSON: every day from 9 to 20, no caps, no silence."""
    return {
        "windows": [{"weekdays": WEEK, "from": "09:00", "to": "20:00"}],
        "on_holidays": False,
        "number_caps": [],
        "customer_caps": [],
        "silence_after_refusal_days": 0,
        "source": "",
    } | changes


def make_policy(**changes: Any) -> Policy:
    return policy_from(make_body(**changes), region="CN", version=1)


def make_suppression(
    *,
    e164: str,
    kind: SuppressionKind = SuppressionKind.OPTED_OUT,
    reason: str = "",
    for_: timedelta | None = None,
    by: User | None = None,
    at: datetime = NOON,
) -> Suppression:
    return suppress_number(
        e164=e164,
        kind=kind,
        reason=reason,
        origin="person",
        until=at + for_ if for_ else None,
        by=by or make_user(role=Role.MANAGER),
        at=at,
    )
