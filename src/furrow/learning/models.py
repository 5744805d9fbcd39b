"""What was learned, what was suggested, and who was dealt by match or by chance."""

from __future__ import annotations

import pgtrigger
from django.db import models
from django.db.models import Q

from furrow.calls.models import Call
from furrow.customers.models import Customer
from furrow.organisation.models import User
from furrow.organisation.rules import Act, Scope
from furrow.pipeline.rules import HIGHEST, LOWEST, Score
from furrow.teamwork.models import Dealing

from .rules import What

APPEND_ONLY = pgtrigger.Protect(name="never_changed", operation=pgtrigger.Update)


class Learned(models.Model):
    """One thing as it was learned on one day. Never changed; the newest counts.

    body     plain data: a scorecard, weeks, fits; see `queries` for the reading
    figures  what is shown of it: how good it was on what came after, leaks, drift
    """

    what = models.CharField(max_length=8, choices=What)
    body = models.JSONField()
    figures = models.JSONField()
    calls = models.PositiveIntegerField()
    since = models.DateTimeField()
    until = models.DateTimeField()
    at = models.DateTimeField()

    class Meta:
        triggers = [APPEND_ONLY]
        indexes = [models.Index(name="learned_newest", fields=["what", "-at", "-id"])]

    def __str__(self) -> str:
        return f"{self.what} learned #{self.pk}"


class SuggestionQuerySet(models.QuerySet["Suggestion"]):
    def visible_to(self, user: User) -> SuggestionQuerySet:
        """Those of calls whose agents one reads reports about."""
        match user.scope(Act.VIEW_REPORTS):
            case Scope.ALL:
                return self
            case Scope.NONE | Scope.OWN:
                return self.none()
            case _:
                return self.filter(call__team__in=user.teams(Act.VIEW_REPORTS))


class Suggestion(models.Model):
    """What the model said of a call's customer before the call, beside what the agent gave (C2)."""

    call = models.ForeignKey(Call, models.CASCADE)
    customer = models.ForeignKey(Customer, models.CASCADE)
    score = models.CharField(max_length=2, choices=Score)
    learned = models.ForeignKey(Learned, models.PROTECT)
    p = models.FloatField()
    value = models.PositiveSmallIntegerField()
    given = models.PositiveSmallIntegerField(null=True, blank=True)  # by the agent
    came_true = models.BooleanField()  # the call's own outcome
    at = models.DateTimeField()

    objects = SuggestionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(name="suggestion_once", fields=["call", "score"]),
            models.CheckConstraint(
                name="suggestion_in_range",
                condition=Q(p__gte=0, p__lte=1)
                & Q(value__range=(LOWEST, HIGHEST))
                & (Q(given=None) | Q(given__range=(LOWEST, HIGHEST))),
            ),
        ]
        indexes = [
            models.Index(name="suggestion_by_at", fields=["score", "at"]),
            models.Index(name="suggestion_by_customer", fields=["customer"]),
        ]

    def __str__(self) -> str:
        return f"suggestion #{self.pk} {self.score}={self.value}"


class Match(models.Model):
    """A customer dealt by match, or by chance to compare with. Never changed but by a merge."""

    dealing = models.ForeignKey(Dealing, models.PROTECT)
    customer = models.ForeignKey(Customer, models.CASCADE)
    agent = models.ForeignKey(User, models.PROTECT, related_name="+")
    kind = models.CharField(max_length=80)
    is_drawn = models.BooleanField()  # by chance: the share held out
    p = models.FloatField()  # what was expected
    at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(name="match_by_at", fields=["at"]),
            models.Index(name="match_by_customer", fields=["customer"]),
        ]

    def __str__(self) -> str:
        return f"match #{self.pk}"
