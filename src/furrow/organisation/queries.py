"""Answers about people."""

from datetime import datetime, timedelta

from axes.models import AccessAttempt
from django.conf import settings

from .models import User


def locked_out(*, at: datetime) -> set[str]:
    """Usernames that may not sign in for a while, because the password was wrong too often."""
    since = at - timedelta(hours=settings.AXES_COOLOFF_TIME)
    attempts = AccessAttempt.objects.filter(
        attempt_time__gte=since, failures_since_start__gte=settings.AXES_FAILURE_LIMIT
    )
    return set(attempts.values_list("username", flat=True))


def people_of(
    *, text: str = "", team: str = "", role: str = "", is_active: bool = True
) -> list[User]:
    """Colleagues whose name contains `text`, by name; machines are left out. At most 1,000."""
    rows = User.objects.filter(is_active=is_active).exclude(username="system")
    if text:
        rows = rows.filter(display_name__icontains=text) | rows.filter(username__icontains=text)
    if team.isdecimal() and len(team) <= 18:
        rows = rows.filter(team_id=int(team))
    if role:
        rows = rows.filter(role=role)
    return list(rows.select_related("team").order_by("display_name", "username")[:1000])
