"""Changes of people, presence and keys."""

import hashlib
import secrets
from datetime import datetime, timedelta

from axes.utils import reset
from django.db import transaction
from django.utils.translation import gettext as _

from furrow.audit.actions import record
from furrow.common.realtime import publish
from furrow.common.refusal import Refused

from .models import ApiToken, Presence, RightsVersion, Team, User, held_rights
from .rights import (
    DEFAULT,
    CannotChangeRights,
    Rights,
    changes_between,
    check_changes,
    differences,
    rights_with,
)
from .rules import PRESENCE_SILENCE, PresenceState, Role, subtree

SYSTEM = "system"


class CannotChangePeople(Refused):
    """A change of people, teams or keys that would leave nobody responsible."""


def system_user() -> User:
    """The user machines act as; made on first use, cannot sign in."""
    user, made = User.objects.get_or_create(
        username=SYSTEM,
        defaults={"display_name": "Furrow", "role": Role.OPERATIONS, "is_active": True},
    )
    if made:
        user.set_unusable_password()
        user.save(update_fields=["password"])
    return user


@transaction.atomic
def create_team(*, name: str, parent: Team | None = None, by: User, at: datetime) -> Team:
    team = Team.objects.create(name=name, parent=parent)
    record("team.created", of=team, by=by.username, at=at, parent=parent.pk if parent else None)
    return team


@transaction.atomic
def change_team(*, team: Team, name: str, parent: Team | None, by: User, at: datetime) -> Team:
    """Rename a team, or put it below another one: whoever leads that one then leads both.

    Raises CannotChangePeople for a team put below itself, directly or further down.
    """
    # All of them, in one order: two moves at once must not close a ring.
    parents = dict(Team.objects.select_for_update().order_by("pk").values_list("pk", "parent_id"))
    if parent is not None and parent.pk in subtree(team.pk, parents):
        raise CannotChangePeople(
            _("%(above)s stands below %(team)s already. Choose another team above.")
            % {"above": parent, "team": team},
            rule="I3",
        )
    before = {"name": team.name, "parent": team.parent_id}
    team.name, team.parent = name, parent
    team.save(update_fields=["name", "parent"])
    after = {"name": name, "parent": parent.pk if parent else None}
    record("team.changed", of=team, by=by.username, at=at, before=before, after=after)
    return team


@transaction.atomic
def change_rights(
    *, rights: Rights, reason: str, version: int, by: User, at: datetime
) -> RightsVersion | None:
    """Let other rights hold, from the next request on; None when they are those that hold.

    rights   the whole table as it shall be
    version  the one it was changed from: a newer one refuses, so nobody undoes unseen changes

    Raises CannotChangeRights.
    """
    # One at a time: whoever comes second is told that there is a newer version.
    User.objects.select_for_update(no_key=True).filter(role=Role.ADMINISTRATOR).order_by(
        "pk"
    ).first()
    newest = RightsVersion.objects.order_by("-pk").first()
    if (newest.pk if newest else 0) != version:
        raise CannotChangeRights(
            _("Somebody changed the rights meanwhile. Look at the page again."), rule="I3"
        )
    if not reason.strip():
        raise CannotChangeRights(_("Say why the rights change."), rule="I3")
    changes = changes_between(DEFAULT, rights)
    check_changes(changes)
    before = rights_with(newest.changes, version=newest.pk) if newest else DEFAULT
    found = differences(before, rights)
    if not found:
        return None
    made = RightsVersion.objects.create(changes=changes, reason=reason.strip()[:200], by=by, at=at)
    if (held := held_rights.get()) is not None:
        held.rights = None
    record(
        "rights.changed", of=made, by=by.username, at=at, reason=made.reason,
        changes=changes_between(before, rights),
    )  # fmt: skip
    return made


@transaction.atomic
def create_user(
    *,
    username: str,
    display_name: str,
    role: Role,
    team: Team | None,
    password: str | None,
    by: User | None,
    at: datetime,
) -> User:
    """Make somebody who can sign in; with `password` None, only after somebody sets one.

    Raises CannotChangePeople when others than administrators make an administrator.
    """
    _check_may_manage(role, by=by)
    user = User(username=username, display_name=display_name, role=role, team=team)
    if password is None:
        user.set_unusable_password()
    else:
        user.set_password(password)
    user.save()
    Presence.objects.create(user=user, state=PresenceState.OFFLINE, since=at, seen_at=at)
    record("user.created", of=user, by=by.username if by else SYSTEM, at=at, role=role)
    return user


@transaction.atomic
def change_user(
    *, user: User, role: Role, team: Team | None, is_active: bool, by: User, at: datetime
) -> User:
    """Change role, team or access. Losing access ends every session at the next request (I3).

    Raises CannotChangePeople when the last active administrator would lose the role, or others
    than administrators change who is one.
    """
    # All of them, in one order: of two who demote each other at once, one is told that it is last.
    administrators = User.objects.filter(role=Role.ADMINISTRATOR, is_active=True)
    active = {person.pk for person in administrators.select_for_update().order_by("pk")}
    user = User.objects.select_for_update().get(pk=user.pk)
    _check_may_manage(Role(user.role), role, by=by)
    loses = user.role == Role.ADMINISTRATOR and (role != Role.ADMINISTRATOR or not is_active)
    if loses and active <= {user.pk}:
        raise CannotChangePeople(
            _("This is the last administrator. Make somebody else administrator first."), rule="I3"
        )
    before = {"role": user.role, "team": user.team_id, "is_active": user.is_active}
    user.role, user.team, user.is_active = role, team, is_active
    user.save(update_fields=["role", "team", "is_active"])
    record(
        "user.changed",
        of=user,
        by=by.username,
        at=at,
        before=before,
        after={"role": role, "team": team.pk if team else None, "is_active": is_active},
    )
    return user


@transaction.atomic
def rename_user(*, user: User, display_name: str, by: User, at: datetime) -> None:
    User.objects.filter(pk=user.pk).update(display_name=display_name)
    record("user.renamed", of=user, by=by.username, at=at)


@transaction.atomic
def set_password(*, user: User, password: str, by: User, at: datetime) -> None:
    """Give somebody a new password; whoever is signed in with the old one is out.

    Raises CannotChangePeople when others than administrators let themselves in as one.
    """
    _check_may_manage(Role(user.role), by=by)
    user.set_password(password)
    user.save(update_fields=["password"])
    record("user.password_set", of=user, by=by.username, at=at)


@transaction.atomic
def unlock_user(*, user: User, by: User, at: datetime) -> int:
    """Forget wrong passwords, so that somebody locked out may try again; how many there were."""
    forgotten: int = reset(username=user.username)
    record("user.unlocked", of=user, by=by.username, at=at, attempts=forgotten)
    return forgotten


@transaction.atomic
def set_preferences(*, user: User, language: str, theme: str, at: datetime) -> None:
    """Language ("zh-hans", "en", "" = the browser's) and theme (light, dark, auto) of one's own."""
    User.objects.filter(pk=user.pk).update(language=language, theme=theme)
    record("user.preferences_set", of=user, by=user.username, at=at, language=language, theme=theme)


@transaction.atomic
def set_presence(*, user: User, state: PresenceState, at: datetime, reason: str = "") -> Presence:
    """Say what an agent is doing now, and show it to whoever watches the floor."""
    presence, _made = Presence.objects.select_for_update().get_or_create(
        user=user, defaults={"state": PresenceState.OFFLINE, "since": at, "seen_at": at}
    )
    changed = presence.state != state or presence.reason != reason
    presence.seen_at = at
    if changed:
        presence.state, presence.since, presence.reason = state, at, reason
    presence.save()
    if changed:
        record("presence.changed", of=user, by=user.username, at=at, state=state, reason=reason)
        publish(
            "presence",
            topics=[f"user:{user.pk}", f"floor:{user.team_id}", "floor"],
            agent=user.pk,
            state=str(state),
            since=at.isoformat(),
            reason=reason,
        )
    return presence


def touch_presence(*, user_id: int, at: datetime) -> None:
    """A sign of life from the browser; not a change anybody is told of."""
    Presence.objects.filter(pk=user_id).update(seen_at=at)


@transaction.atomic
def sign_off_silent(*, at: datetime) -> int:
    """Agents whose browser has been silent are offline. Returns how many; safe to repeat."""
    silent = (
        Presence.objects.select_for_update(skip_locked=True, of=("self",))
        .select_related("user")
        .filter(seen_at__lt=at - PRESENCE_SILENCE - timedelta(seconds=5))
        .exclude(state=PresenceState.OFFLINE)
    )
    people = [presence.user for presence in silent]
    for user in people:
        set_presence(user=user, state=PresenceState.OFFLINE, at=at)
        Presence.objects.filter(pk=user.pk).update(seen_at=at - PRESENCE_SILENCE)
    return len(people)


@transaction.atomic
def create_token(*, name: str, user: User, by: User, at: datetime) -> tuple[ApiToken, str]:
    """A new key for a machine acting as `user`; the secret is returned once and never kept."""
    secret = f"furrow_{secrets.token_urlsafe(32)}"
    token = ApiToken.objects.create(
        name=name, user=user, digest=digest_of(secret), hint=secret[7:13], created_at=at
    )
    record("token.created", of=token, by=by.username, at=at, acts_as=user.username)
    return token, secret


@transaction.atomic
def revoke_token(*, token: ApiToken, by: User, at: datetime) -> None:
    if ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=at):
        record("token.revoked", of=token, by=by.username, at=at)


def mark_token_used(*, token: ApiToken, at: datetime) -> None:
    """Remember when a key was last used, to the minute, so hot keys do not write each time."""
    ApiToken.objects.filter(pk=token.pk).exclude(
        last_used_at__gte=at - timedelta(minutes=1)
    ).update(last_used_at=at)


def _check_may_manage(*roles: Role, by: User | None) -> None:
    """Nobody gains rights by managing people: administrators are theirs alone to make and change.

    by  None = the command line of the machine itself
    """
    is_trusted = by is None or by.username == SYSTEM or by.role == Role.ADMINISTRATOR
    if Role.ADMINISTRATOR in roles and not is_trusted:
        raise CannotChangePeople(
            _("Only an administrator makes or changes administrators. Ask one."), rule="I3"
        )


def digest_of(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
