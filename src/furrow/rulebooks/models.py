"""Versions of rules, and the nights they were applied to everybody."""

from __future__ import annotations

from datetime import datetime

import pgtrigger
from django.db import models
from django.db.models import F, Q

from furrow.organisation.models import User


class RuleVersionQuerySet(models.QuerySet["RuleVersion"]):
    def of(self, book: str) -> RuleVersionQuerySet:
        return self.filter(book=book)

    def in_force(self, at: datetime) -> RuleVersionQuerySet:
        """Those that had begun by `at`; the highest version counts."""
        return self.filter(from_at__lte=at)


class RuleVersion(models.Model):
    """All rules of one book, in one version. Never changed; a new one is added.

    In force at an instant is the highest version that had begun by then: so what was right once
    stays judged by the rules of its time.
    """

    book = models.CharField(max_length=20)
    version = models.PositiveIntegerField()
    body = models.JSONField()
    note = models.CharField(max_length=200, blank=True)
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField()  # when it was saved
    from_at = models.DateTimeField()  # when it begins, never before it was saved

    objects = RuleVersionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(name="rules_version_once", fields=["book", "version"]),
            models.CheckConstraint(
                name="rules_never_begin_in_the_past", condition=Q(from_at__gte=F("at"))
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="never_changed", operation=pgtrigger.Update | pgtrigger.Delete)
        ]

    def __str__(self) -> str:
        return f"{self.book} rules v{self.version}"


class Run(models.Model):
    """One night's look at every customer, in stretches; a killed one goes on where it was."""

    book = models.CharField(max_length=20)
    on = models.DateField()  # the company's day
    at = models.DateTimeField()  # the instant it judges by, also when it is resumed later
    rule_version = models.PositiveIntegerField()
    done_to = models.BigIntegerField(default=0)  # customers up to this id are looked at
    found = models.JSONField(default=dict)  # what -> how many
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(name="run_once_a_day", fields=["book", "on"])]

    def __str__(self) -> str:
        return f"{self.book} run of {self.on}"
