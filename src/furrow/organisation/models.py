"""People, teams, what they are doing now, and the machines that act for them."""

from __future__ import annotations

from contextvars import ContextVar

import pghistory
import pgtrigger
from django.contrib.auth.models import AbstractUser, UserManager
from django.db import models
from django.db.models import Q
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from .rights import DEFAULT, Held, Limit, Rights, Showings, rights_with
from .rules import Act, PresenceState, Role, Scope, subtree


class TeamQuerySet(models.QuerySet["Team"]):
    def visible_to(self, user: User) -> TeamQuerySet:
        """Every team for those who see the company, else one's own and those one leads."""
        if user.scope(Act.VIEW_CUSTOMERS) is Scope.ALL:
            return self
        return self.filter(pk__in=user.teams(Act.VIEW_CUSTOMERS))


@pghistory.track()
class Team(models.Model):
    name = models.CharField(_("name"), max_length=80, unique=True)
    is_active = models.BooleanField(default=True)
    # The team above; whoever leads that one leads this one too. Rings are refused by the action.
    parent = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, verbose_name=_("team above")
    )

    objects = TeamQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="team_not_above_itself", condition=~Q(parent=models.F("id"))
            )
        ]

    def __str__(self) -> str:
        return self.name


class UserQuerySet(models.QuerySet["User"]):
    def working(self) -> UserQuerySet:
        return self.filter(is_active=True)

    def agents(self) -> UserQuerySet:
        """Those who may sit at a desk: agents and leaders, active."""
        return self.working().filter(role__in=[Role.AGENT, Role.LEADER])

    def visible_to(self, user: User) -> UserQuerySet:
        """Colleagues whose names and work `user` may see."""
        match user.scope(Act.VIEW_CUSTOMERS):
            case Scope.ALL:
                return self
            case Scope.SUBTREE | Scope.TEAM | Scope.OWN:
                return self.filter(Q(team__in=user.teams(Act.VIEW_CUSTOMERS)) | Q(pk=user.pk))
            case _:
                return self.filter(pk=user.pk)


class _Users(UserManager["User"]):
    """Django's manager, with the query set's words."""

    def get_queryset(self) -> UserQuerySet:
        return UserQuerySet(self.model, using=self._db)

    def visible_to(self, user: User) -> UserQuerySet:
        return self.get_queryset().visible_to(user)

    def agents(self) -> UserQuerySet:
        return self.get_queryset().agents()

    def working(self) -> UserQuerySet:
        return self.get_queryset().working()


@pghistory.track(exclude=["password", "last_login"])
class User(AbstractUser):
    display_name = models.CharField(_("name"), max_length=80)
    role = models.CharField(_("role"), max_length=16, choices=Role, default=Role.AGENT)
    team = models.ForeignKey(Team, models.PROTECT, null=True, blank=True, verbose_name=_("team"))
    language = models.CharField(_("language"), max_length=10, blank=True)  # "" = the browser's
    theme = models.CharField(_("theme"), max_length=5, default="auto")  # light, dark, auto

    objects = _Users()  # type: ignore[misc]

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="user_role_known",
                condition=Q(role__in=Role.values),
            ),
            # An agent or leader sees by team; without one they would see nothing, or worse, guess.
            models.CheckConstraint(
                name="user_agents_have_a_team",
                condition=~Q(role__in=[Role.AGENT, Role.LEADER]) | Q(team__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.display_name or self.username

    def scope(self, act: Act) -> Scope:
        """How far this person may do `act` now; nobody inactive may do anything."""
        if not self.is_active or self.role not in Role.values:
            return Scope.NONE
        return rights_in_force().acts[Role(self.role)][act]

    def showings(self) -> Showings:
        """What of a customer this person is shown, by how they stand to it."""
        return rights_in_force().fields[Role(self.role)]

    def limit(self, limit: Limit) -> int:
        """How much this person may do in a day."""
        return rights_in_force().limits[Role(self.role)][limit]

    def can(self, act: Act) -> bool:
        return self.scope(act) is not Scope.NONE

    def teams(self, act: Act) -> list[int]:
        """Ids of the teams within reach of `act` when it does not reach the whole company: the
        own one, with Scope.SUBTREE those below it too; none for somebody without a team."""
        if self.team_id is None:
            return []
        return self._led if self.scope(act) is Scope.SUBTREE else [self.team_id]

    @cached_property
    def _led(self) -> list[int]:
        parents = dict(Team.objects.order_by().values_list("pk", "parent_id"))
        return subtree(self.team_id or 0, parents)

    def get_full_name(self) -> str:
        return str(self)


class RightsVersion(models.Model):
    """Rights as an administrator changed them: each version is a row, the newest holds."""

    changes = models.JSONField()  # against the code's, see rights.Changes
    reason = models.CharField(_("reason"), max_length=200)
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        triggers = [
            pgtrigger.Protect(name="never_changed", operation=pgtrigger.Update | pgtrigger.Delete)
        ]

    def __str__(self) -> str:
        return f"rights #{self.pk}"


# Set for the time of a request (http.KeepRights), so that its hundred questions cost one query.
held_rights: ContextVar[Held | None] = ContextVar("held_rights", default=None)


def rights_in_force() -> Rights:
    """The newest version. One short query; within a request, once."""
    held = held_rights.get()
    if held is not None and held.rights is not None:
        return held.rights
    newest = RightsVersion.objects.order_by("-pk").values_list("pk", "changes").first()
    rights = rights_with(newest[1], version=newest[0]) if newest else DEFAULT
    if held is not None:
        held.rights = rights
    return rights


class Presence(models.Model):
    """What an agent is doing now. One row per person, changed by filtered updates."""

    user = models.OneToOneField(User, models.CASCADE, primary_key=True)
    state = models.CharField(max_length=8, choices=PresenceState, default=PresenceState.OFFLINE)
    since = models.DateTimeField()
    reason = models.CharField(max_length=40, blank=True)  # why away
    seen_at = models.DateTimeField()  # last sign of life from the browser

    def __str__(self) -> str:
        return f"{self.user_id}: {self.state}"


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    def usable(self) -> ApiTokenQuerySet:
        return self.filter(revoked_at=None, user__is_active=True)

    def visible_to(self, user: User) -> ApiTokenQuerySet:
        return self if user.can(Act.MANAGE_INTEGRATIONS) else self.filter(user=user)


@pghistory.track(exclude=["digest", "last_used_at"])
class ApiToken(models.Model):
    """A machine's key. Only its SHA-256 is kept; it acts as `user`, within the user's scopes."""

    name = models.CharField(_("name"), max_length=80)
    user = models.ForeignKey(User, models.CASCADE)
    digest = models.CharField(max_length=64, unique=True)
    hint = models.CharField(max_length=8)  # the first characters, to recognise it by
    created_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = ApiTokenQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.name} ({self.hint}…)"
