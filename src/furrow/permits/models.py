"""Permission for one touch. A call row cannot exist without its permit."""

from __future__ import annotations

from datetime import datetime

import pgtrigger
from django.db import models
from django.db.models import Q

from furrow.customers.models import Customer, Number
from furrow.organisation.models import User

from .rules import Channel, Purpose


class PermitQuerySet(models.QuerySet["Permit"]):
    def open(self) -> PermitQuerySet:
        """Issued and not yet closed: somebody is, or is about to be, on the line."""
        return self.filter(closed_at=None)

    def alive(self, at: datetime) -> PermitQuerySet:
        """Spent, or may still be spent at `at`."""
        return self.filter(Q(spent_at__isnull=False) | Q(expires_at__gt=at))

    def void(self, at: datetime) -> PermitQuerySet:
        """Open, never spent, and too late to be spent at `at`."""
        return self.open().filter(spent_at=None, expires_at__lte=at)


class Permit(models.Model):
    """The gate said yes: this customer, this number, this agent, now, once.

    Open from issue until the touch it allowed has ended. One open permit per customer and per
    agent: "is anyone else on the line" is answered by the database itself.
    """

    customer = models.ForeignKey(Customer, models.PROTECT)
    number = models.ForeignKey(Number, models.PROTECT)
    # None = the dialer's, until somebody takes the call it allowed.
    agent = models.ForeignKey(User, models.PROTECT, null=True, blank=True)
    channel = models.CharField(max_length=8, choices=Channel, default=Channel.CALL)
    purpose = models.CharField(max_length=12, choices=Purpose, default=Purpose.SALES)
    # The campaign lies above on the shelf, so its id is kept, not a foreign key.
    campaign_ref = models.BigIntegerField(null=True, blank=True)
    issued_at = models.DateTimeField()
    # Not spent by then: void. Spending happens in the transaction that stores the call.
    expires_at = models.DateTimeField()
    spent_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    # [{"rule": "C4", "check": "suppression", "version": 3}, …] in the order they were asked
    answers = models.JSONField()

    objects = PermitQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="permit_one_open_per_customer",
                fields=["customer"],
                condition=Q(closed_at=None),
            ),
            models.UniqueConstraint(
                name="permit_one_open_per_agent", fields=["agent"], condition=Q(closed_at=None)
            ),
            models.CheckConstraint(
                name="permit_spent_in_time",
                condition=Q(spent_at=None) | Q(spent_at__lt=models.F("expires_at")),
            ),
        ]
        indexes = [
            models.Index(name="permit_by_number", fields=["number", "-issued_at"]),
            models.Index(name="permit_by_customer", fields=["customer", "-issued_at"]),
        ]

    def __str__(self) -> str:
        return f"permit #{self.pk}"

    @property
    def holder(self) -> User:
        """The agent, where there must be one: of a permit somebody asked for in person."""
        assert self.agent is not None  # noqa: S101
        return self.agent


class Denial(models.Model):
    """The gate said no: which rule, why, and when the answer may change. Append-only."""

    customer = models.ForeignKey(Customer, models.PROTECT)
    number = models.ForeignKey(Number, models.PROTECT)
    agent = models.ForeignKey(User, models.PROTECT, null=True, blank=True)  # None = the dialer
    channel = models.CharField(max_length=8, choices=Channel, default=Channel.CALL)
    purpose = models.CharField(max_length=12, choices=Purpose, default=Purpose.SALES)
    campaign_ref = models.BigIntegerField(null=True, blank=True)
    at = models.DateTimeField()
    rule = models.CharField(max_length=8)
    check_name = models.CharField(max_length=20)
    next_at = models.DateTimeField(null=True, blank=True)
    answers = models.JSONField()

    class Meta:
        indexes = [
            models.Index(name="denial_by_customer", fields=["customer", "-at"]),
            models.Index(name="denial_by_at", fields=["-at", "rule"]),
        ]
        triggers = [pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"denial #{self.pk} {self.rule}"
