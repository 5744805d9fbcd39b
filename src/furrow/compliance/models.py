"""What must not be done to a number, whoever it belongs to. Lies under customers on purpose:
nobody reaches a person without passing here, and a merge cannot lose a "do not call"."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

import pghistory
import pgtrigger
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from furrow.common.phone import mask
from furrow.organisation.models import User
from furrow.organisation.rules import Act

from .rules import OF_THE_PERSON, ORIGINS, Basis, DayKind, Purpose, SuppressionKind


class SuppressionQuerySet(models.QuerySet["Suppression"]):
    def standing(self, at: datetime) -> SuppressionQuerySet:
        """Not lifted and not run out by `at`. One that was stored while somebody was deciding
        stands as well, so that a decision never overlooks it."""
        return self.filter(lifted_at=None).filter(Q(until=None) | Q(until__gt=at))

    def on(self, e164: str) -> SuppressionQuerySet:
        return self.filter(e164=e164)

    def forbidding(self, e164: str, others: Collection[str]) -> SuppressionQuerySet:
        """Those of this number, and what the same person said on `others`."""
        said = Q(e164__in=others, kind__in=OF_THE_PERSON)
        return self.filter(Q(e164=e164) | said if others else Q(e164=e164))

    def ending(self, digits: str) -> SuppressionQuerySet:
        """Of numbers that end with these four digits."""
        return self.filter(last4=digits)

    def visible_to(self, user: User) -> SuppressionQuerySet:
        return self if user.can(Act.SUPPRESS) else self.none()


@pghistory.track()
class Suppression(models.Model):
    """A number nobody in the company may call, until lifted with a reason (C4)."""

    e164 = models.CharField(max_length=20)
    last4 = models.CharField(max_length=4)
    kind = models.CharField(_("why"), max_length=16, choices=SuppressionKind)
    reason = models.CharField(_("reason"), max_length=300, blank=True)
    origin = models.CharField(max_length=60)  # "call:17", "list:4", "person", "api"
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField()
    until = models.DateTimeField(null=True, blank=True)  # None = for good
    lifted_at = models.DateTimeField(null=True, blank=True)
    lifted_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    lifted_reason = models.CharField(max_length=300, blank=True)

    objects = SuppressionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="suppression_one_standing_per_kind",
                fields=["e164", "kind"],
                condition=Q(lifted_at=None),
            ),
            models.CheckConstraint(
                name="suppression_lifted_by_somebody_with_a_reason",
                condition=Q(lifted_at=None, lifted_by=None)
                | (Q(lifted_at__isnull=False, lifted_by__isnull=False) & ~Q(lifted_reason="")),
            ),
        ]
        indexes = [
            models.Index(name="suppression_by_number", fields=["e164"]),
            models.Index(name="suppression_by_last4", fields=["last4"]),
            models.Index(name="suppression_by_at", fields=["-at", "-id"]),
        ]

    def __str__(self) -> str:
        return f"suppression #{self.pk} ({self.kind})"

    @property
    def masked(self) -> str:
        return mask(self.e164)

    @property
    def origin_told(self) -> str:
        """What led to it, for people: "call 17"."""
        kind, _colon, which = self.origin.partition(":")
        return f"{ORIGINS.get(kind, kind)} {which}".strip()


class Refusal(models.Model):
    """Somebody at this number said no: the number is left in peace for a while (E1)."""

    e164 = models.CharField(max_length=20)
    at = models.DateTimeField()
    origin = models.CharField(max_length=60)  # "call:17"
    by = models.ForeignKey(User, models.PROTECT, related_name="+")

    class Meta:
        indexes = [models.Index(name="refusal_by_number", fields=["e164", "-at"])]
        triggers = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)
        ]

    def __str__(self) -> str:
        return f"refusal #{self.pk}"


class Consent(models.Model):
    """Somebody at this number agreed to be called for a purpose, or took it back. Append-only:
    the latest word about a purpose counts (I1)."""

    e164 = models.CharField(max_length=20)
    purpose = models.CharField(max_length=12, choices=Purpose)
    is_given = models.BooleanField()  # False = withdrawn
    basis = models.CharField(max_length=12, choices=Basis)
    evidence = models.CharField(max_length=300, blank=True)  # where the proof lies
    origin = models.CharField(max_length=60)  # as for suppressions
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField()
    until = models.DateTimeField(null=True, blank=True)  # None = until withdrawn

    class Meta:
        indexes = [models.Index(name="consent_by_number", fields=["e164", "purpose", "-at"])]
        triggers = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)
        ]

    def __str__(self) -> str:
        return f"consent #{self.pk} ({self.purpose})"


class RegisterQuerySet(models.QuerySet["Register"]):
    def visible_to(self, user: User) -> RegisterQuerySet:
        return self if user.can(Act.SUPPRESS) else self.none()


@pghistory.track()
class Register(models.Model):
    """A do-not-call list somebody else keeps, imported: a state's, a carrier's, a client's.

    Only digests are stored, so a list may come hashed and is never a list of numbers here.
    """

    name = models.CharField(_("name"), max_length=60, unique=True)
    region = models.CharField(_("region"), max_length=2, default="*")  # "*" = everywhere
    # A copy older than this is too old to call by: TPS binds after 28 days. None = never.
    refresh_days = models.PositiveSmallIntegerField(_("good for days"), null=True, blank=True)
    size = models.PositiveIntegerField(default=0)
    load = models.PositiveIntegerField(default=0)  # the latest import's number
    loaded_at = models.DateTimeField(null=True, blank=True)
    is_active = models.BooleanField(default=True)

    objects = RegisterQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name

    def is_stale(self, at: datetime) -> bool:
        """Whether a newer copy has to be fetched before calling by it."""
        if self.refresh_days is None or self.loaded_at is None:
            return False
        return at - self.loaded_at > timedelta(days=self.refresh_days)


class RegisterEntry(models.Model):
    """One number of a register, as a SHA-256 digest of one of its spellings."""

    register = models.ForeignKey(Register, models.CASCADE)
    digest = models.BinaryField(max_length=32)
    load = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(name="register_entry_once", fields=["digest", "register"])
        ]

    def __str__(self) -> str:
        return f"entry #{self.pk}"


class PolicyVersionQuerySet(models.QuerySet["PolicyVersion"]):
    def in_force(self, at: datetime) -> PolicyVersionQuerySet:
        """Those that had begun by `at`; of each region the highest version counts."""
        return self.filter(from_at__lte=at)


class PolicyVersion(models.Model):
    """One region's calling rules, in one version. Never changed; a new one is added.

    In force at an instant is the highest version that has begun by then: saving once more
    replaces a planned version from its own beginning on, and never rewrites the past.
    """

    region = models.CharField(max_length=5)  # ISO region, "US-FL" a state's, "*" = all others
    version = models.PositiveIntegerField()
    body = models.JSONField()
    note = models.CharField(max_length=200, blank=True)
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField()  # when it was saved
    from_at = models.DateTimeField()  # when it begins, never before it was saved

    objects = PolicyVersionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(name="policy_version_once", fields=["region", "version"]),
            models.CheckConstraint(
                name="policy_never_begins_in_the_past", condition=Q(from_at__gte=models.F("at"))
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)
        ]

    def __str__(self) -> str:
        return f"{self.region} v{self.version}"


@pghistory.track()
class CalendarDay(models.Model):
    """A public holiday or a make-up workday of a region; the company may edit them."""

    region = models.CharField(max_length=2)
    on = models.DateField()
    kind = models.CharField(max_length=8, choices=DayKind)
    name = models.CharField(max_length=60, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(name="calendar_day_once", fields=["region", "on"])]

    def __str__(self) -> str:
        return f"{self.region} {self.on} {self.kind}"
