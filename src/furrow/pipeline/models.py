"""Where each customer stands in the pipeline, and the scores people gave."""

from __future__ import annotations

import pghistory
from django.db import models
from django.db.models import Q

from furrow.customers.models import Customer, history
from furrow.organisation.models import User

from .rules import HIGHEST, LOWEST, Score, Stage


class StandingQuerySet(models.QuerySet["Standing"]):
    def visible_to(self, user: User) -> StandingQuerySet:
        return self.filter(customer__in=Customer.objects.visible_to(user))


@pghistory.track(*history())
class Standing(models.Model):
    """One stage per customer; the latest scores are kept here so lists can sort by them."""

    customer = models.OneToOneField(Customer, models.CASCADE, primary_key=True)
    stage = models.CharField(max_length=12, choices=Stage, default=Stage.SCREENING)
    since = models.DateTimeField()
    cp = models.PositiveSmallIntegerField(null=True, blank=True)
    pi = models.PositiveSmallIntegerField(null=True, blank=True)

    objects = StandingQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="standing_scores_0_to_5",
                condition=(Q(cp=None) | Q(cp__range=(LOWEST, HIGHEST)))
                & (Q(pi=None) | Q(pi__range=(LOWEST, HIGHEST))),
            )
        ]
        indexes = [models.Index(name="standing_by_stage", fields=["stage", "-cp", "customer"])]

    def __str__(self) -> str:
        return f"{self.customer_id}: {self.stage}"


class StageMove(models.Model):
    """Each hand-on from stage to stage; replaying them gives the present stage."""

    customer = models.ForeignKey(Customer, models.CASCADE)
    from_stage = models.CharField(max_length=12, choices=Stage, blank=True)  # "" = entered
    to_stage = models.CharField(max_length=12, choices=Stage)
    reason = models.CharField(max_length=200, blank=True)
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(name="stagemove_by_customer", fields=["customer", "-at"])]

    def __str__(self) -> str:
        return f"stage move #{self.pk}"


class ScoreGiven(models.Model):
    """A CP or PI that somebody gave. Never changed; the next one counts."""

    customer = models.ForeignKey(Customer, models.CASCADE)
    score = models.CharField(max_length=2, choices=Score)
    value = models.PositiveSmallIntegerField()
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="score_given_0_to_5", condition=Q(value__range=(LOWEST, HIGHEST))
            )
        ]
        indexes = [
            models.Index(name="score_by_customer", fields=["customer", "score", "-at"]),
            models.Index(name="score_by_at", fields=["score", "at"]),
        ]

    def __str__(self) -> str:
        return f"score #{self.pk} {self.score}={self.value}"
