"""Pairs of customers who may be one, what people said of them, and the runs that found them."""

from __future__ import annotations

import pghistory
from django.db import models
from django.db.models import F, Q

from furrow.customers.models import Customer, MergeEvent
from furrow.organisation.models import User

from .rules import BLOCKS, RunState, Verdict


class Run(models.Model):
    """One walk over all customers. It goes on behind `after`, the last block that is done."""

    state = models.CharField(max_length=8, choices=RunState, default=RunState.WORKING)
    joins_certain = models.BooleanField(default=False)
    block = models.CharField(max_length=8, default="name")  # rules.BLOCKS
    after = models.CharField(max_length=200, blank=True)  # the last key that is done
    customers = models.PositiveIntegerField(default=0)  # when it started
    walked = models.PositiveIntegerField(default=0)  # over all blocks
    found = models.PositiveIntegerField(default=0)
    joined = models.PositiveIntegerField(default=0)
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="run_one_at_a_time", fields=["state"], condition=Q(state="working")
            )
        ]

    def __str__(self) -> str:
        return f"run #{self.pk}"

    @property
    def most_walked(self) -> int:
        """Every customer once for each block; those without an address are passed over."""
        return max(self.customers * len(BLOCKS), self.walked, 1)


class PairQuerySet(models.QuerySet["Pair"]):
    def visible_to(self, user: User) -> PairQuerySet:
        """Both customers are the user's to see, and neither was joined to another."""
        seen = Customer.objects.visible_to(user)
        return self.filter(left__in=seen, right__in=seen)

    def undecided(self) -> PairQuerySet:
        return self.filter(verdict__in=[Verdict.OPEN, Verdict.LATER])


@pghistory.track()
class Pair(models.Model):
    """Two customers who may be one. What was judged is kept, and never asked again."""

    left = models.ForeignKey(Customer, models.CASCADE, related_name="+", db_index=False)
    right = models.ForeignKey(Customer, models.CASCADE, related_name="+")
    weight = models.FloatField()  # in bits; 0 is an even chance
    reasons = models.JSONField(default=list)  # codes from science.linkage
    verdict = models.CharField(max_length=9, choices=Verdict, default=Verdict.OPEN)
    by_rule = models.BooleanField(default=False)
    decided_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)
    merge = models.ForeignKey(MergeEvent, models.SET_NULL, null=True, blank=True, related_name="+")
    found_at = models.DateTimeField()

    objects = PairQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(name="pair_once", fields=["left", "right"]),
            models.CheckConstraint(name="pair_in_order", condition=Q(left__lt=F("right"))),
            models.CheckConstraint(
                name="pair_judged_by_somebody",
                condition=Q(verdict="open", decided_by=None, decided_at=None)
                | (~Q(verdict="open") & Q(decided_by__isnull=False, decided_at__isnull=False)),
            ),
        ]
        indexes = [
            models.Index(
                name="pair_to_judge",
                fields=["verdict", "-weight", "id"],
                condition=Q(verdict__in=["open", "later"]),
            ),
            models.Index(name="pair_by_judge", fields=["decided_by", "-decided_at"]),
        ]

    def __str__(self) -> str:
        return f"pair #{self.pk}"

    @property
    def is_decided(self) -> bool:
        return self.verdict in (Verdict.SAME, Verdict.DIFFERENT)
