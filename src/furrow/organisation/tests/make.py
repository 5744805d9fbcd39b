"""People for tests: valid by default, one function per model."""

from datetime import UTC, datetime
from itertools import count

from django.contrib.auth.hashers import make_password

from furrow.organisation.actions import digest_of
from furrow.organisation.models import ApiToken, Presence, Team, User
from furrow.organisation.rules import PresenceState, Role

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)  # a Monday; 20:00 in Shanghai
PASSWORD = "quiet-Harbour-29"
_next = count(1)


def make_team(*, name: str = "") -> Team:
    return Team.objects.create(name=name or f"Team {next(_next)}")


def make_user(
    *,
    role: Role = Role.AGENT,
    team: Team | None = None,
    username: str = "",
    display_name: str = "",
    password: str = "",
    language: str = "en",
    is_active: bool = True,
) -> User:
    """Somebody with `role`; agents and leaders get a team of their own unless one is given.

    Without `password` nobody can sign in by form (hashing is slow); use client.force_login.
    """
    if team is None and role in {Role.AGENT, Role.LEADER}:
        team = make_team()
    name = username or f"{role}{next(_next)}"
    user = User.objects.create(
        username=name,
        display_name=display_name or name.title(),
        role=role,
        team=team,
        language=language,
        is_active=is_active,
        password=make_password(password or None),
    )
    Presence.objects.create(user=user, state=PresenceState.OFFLINE, since=NOON, seen_at=NOON)
    return user


def make_agent(*, team: Team | None = None) -> User:
    return make_user(role=Role.AGENT, team=team)


def make_token(*, secret: str, user: User | None = None) -> ApiToken:
    """A key whose secret is known: "furrow_…"."""
    return ApiToken.objects.create(
        name="test",
        user=user or make_user(role=Role.OPERATIONS),
        digest=digest_of(secret),
        hint=secret[7:13],
        created_at=NOON,
    )
