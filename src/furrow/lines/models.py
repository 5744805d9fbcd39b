"""The numbers we call from: ours, in pools by region, capped and rested."""

from __future__ import annotations

from datetime import datetime

import pghistory
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from furrow.campaigns.models import Campaign
from furrow.common.phone import pretty
from furrow.organisation.models import User
from furrow.organisation.rules import Act

from .rules import LineState


class PoolQuerySet(models.QuerySet["Pool"]):
    def visible_to(self, user: User) -> PoolQuerySet:
        return self if user.can(Act.EDIT_CAMPAIGNS) else self.none()


@pghistory.track()
class Pool(models.Model):
    """Caller ids that may stand in for each other, and how much each may call."""

    name = models.CharField(_("name"), max_length=60, unique=True)
    region = models.CharField(_("region"), max_length=5, default="*")  # called: CN, US-FL, *
    most_per_hour = models.PositiveIntegerField(_("calls per number and hour"), default=60)
    most_per_day = models.PositiveIntegerField(_("calls per number and day"), default=300)
    rest_days = models.PositiveSmallIntegerField(_("days of rest"), default=7)
    # Empty = for every campaign.
    campaigns = models.ManyToManyField(Campaign, blank=True, verbose_name=_("campaigns"))
    is_active = models.BooleanField(default=True)

    objects = PoolQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="pool_caps_make_sense",
                condition=Q(most_per_hour__gte=1, most_per_day__gte=models.F("most_per_hour")),
            )
        ]

    def __str__(self) -> str:
        return self.name


class CallerIdQuerySet(models.QuerySet["CallerId"]):
    def ready(self, at: datetime) -> CallerIdQuerySet:
        """Ours at `at`, and not resting."""
        return self.filter(retired_at=None, pool__is_active=True).filter(
            Q(resting_until=None) | Q(resting_until__lte=at)
        )

    def visible_to(self, user: User) -> CallerIdQuerySet:
        return self if user.can(Act.EDIT_CAMPAIGNS) else self.none()


@pghistory.track(exclude=["used_at", "decay", "dialled", "answered"])
class CallerId(models.Model):
    """A number we own. A call is made from none that is not a row here."""

    pool = models.ForeignKey(Pool, models.PROTECT, related_name="caller_ids")
    e164 = models.CharField(max_length=20, unique=True)
    proof = models.CharField(_("proof that it is ours"), max_length=120)  # contract, carrier
    added_at = models.DateTimeField()
    added_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    retired_at = models.DateTimeField(null=True, blank=True)
    resting_until = models.DateTimeField(null=True, blank=True)
    used_at = models.DateTimeField(null=True, blank=True)  # last; the longest unused goes first
    # The sequential test's evidence that its answer rate has fallen; see science.experiments.
    decay = models.FloatField(default=0)
    dialled = models.PositiveIntegerField(default=0)
    answered = models.PositiveIntegerField(default=0)

    objects = CallerIdQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(name="caller_id_has_a_proof", condition=~Q(proof="")),
        ]
        indexes = [models.Index(name="caller_id_turn", fields=["pool", "used_at"])]

    def __str__(self) -> str:
        return pretty(self.e164)

    def state(self, at: datetime) -> LineState:
        if self.retired_at is not None:
            return LineState.RETIRED
        if self.resting_until is not None and self.resting_until > at:
            return LineState.RESTING
        return LineState.READY


class Use(models.Model):
    """One call from one of our numbers: what its caps count. Of a call, by its id."""

    caller_id = models.ForeignKey(CallerId, models.PROTECT, related_name="uses")
    call_ref = models.BigIntegerField(unique=True)
    at = models.DateTimeField()
    is_answered = models.BooleanField(null=True, blank=True)  # None = not over

    class Meta:
        indexes = [models.Index(name="use_by_caller_id", fields=["caller_id", "-at"])]

    def __str__(self) -> str:
        return f"call {self.call_ref}"
