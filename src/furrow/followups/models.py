"""Promises to reach out to a customer again."""

from __future__ import annotations

from datetime import datetime

import pghistory
from django.db import models
from django.db.models import Case, IntegerField, Q, Value, When
from django.utils.translation import gettext_lazy as _

from furrow.calls.models import Call
from furrow.customers.models import Customer, history
from furrow.organisation.models import Team, User
from furrow.organisation.rules import Act, Scope

from .rules import Channel, Reason

# Sorts those who wait for our call before everybody else.
PROMISED_FIRST = Case(
    When(reason__in=["promise", "called_us"], then=Value(0)),
    default=Value(1),
    output_field=IntegerField(),
)


class FollowUpQuerySet(models.QuerySet["FollowUp"]):
    def open(self) -> FollowUpQuerySet:
        return self.filter(done_at=None)

    def calls(self) -> FollowUpQuerySet:
        return self.filter(channel=Channel.CALL)

    def due(self, at: datetime) -> FollowUpQuerySet:
        """Open and due by `at`, the longest overdue first."""
        return self.open().filter(due_at__lte=at).order_by("due_at", "id")

    def visible_to(self, user: User) -> FollowUpQuerySet:
        match user.scope(Act.VIEW_FOLLOWUPS):
            case Scope.ALL:
                return self
            case Scope.SUBTREE | Scope.TEAM:
                return self.filter(assigned_to__team__in=user.teams(Act.VIEW_FOLLOWUPS))
            case Scope.OWN:
                return self.filter(assigned_to=user)
            case _:
                return self.none()


@pghistory.track(*history())
class FollowUp(models.Model):
    """A planned next touch: of calls a customer has one open, beside it tasks by other channels."""

    customer = models.ForeignKey(Customer, models.PROTECT)
    assigned_to = models.ForeignKey(User, models.PROTECT)
    reason = models.CharField(_("reason"), max_length=10, choices=Reason, default=Reason.OTHER)
    channel = models.CharField(
        _("channel"), max_length=8, choices=Channel, default=Channel.CALL, db_default="call"
    )
    # The revisit policy that made it, if one did.
    policy = models.CharField(max_length=20, blank=True, db_default="")
    note = models.CharField(_("note"), max_length=300, blank=True)
    due_at = models.DateTimeField(_("due"))
    after_call = models.ForeignKey(
        Call, models.PROTECT, null=True, blank=True, related_name="planned_followups"
    )
    planned_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True, blank=True)
    done_by_call = models.ForeignKey(
        Call, models.PROTECT, null=True, blank=True, related_name="finished_followups"
    )

    objects = FollowUpQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="followup_one_open_per_customer",
                fields=["customer"],
                condition=Q(done_at=None, channel="call"),
            ),
        ]
        indexes = [
            models.Index(
                name="followup_open_by_customer", fields=["customer"], condition=Q(done_at=None)
            ),
            models.Index(
                name="followup_open_by_agent",
                fields=["assigned_to", "due_at"],
                condition=Q(done_at=None),
            ),
            # The company's list in its own order: it walks this index, however many are open.
            models.Index(
                PROMISED_FIRST,
                "due_at",
                "id",
                name="followup_open_in_order",
                condition=Q(done_at=None),
            ),
            models.Index(
                name="followup_done",
                fields=["done_at", "assigned_to", "due_at"],
                condition=Q(done_at__isnull=False),
            ),
            models.Index(name="followup_by_customer", fields=["customer", "-planned_at"]),
        ]

    def __str__(self) -> str:
        return f"follow-up #{self.pk}"


@pghistory.track()
class Rest(models.Model):
    """A customer who refused as often as the rules allow: left in peace in the pool for a while."""

    customer = models.OneToOneField(Customer, models.CASCADE, primary_key=True)
    since = models.DateTimeField()  # refusals before it count no more
    until = models.DateTimeField()

    def __str__(self) -> str:
        return f"rest of customer #{self.customer_id}"


class PoolReminder(models.Model):
    """Customers in a team's pool whom nobody touched for too long, as of last night's run."""

    on = models.DateField()
    team = models.ForeignKey(Team, models.CASCADE, null=True, blank=True)
    customers = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="pool_reminder_once", fields=["on", "team"], nulls_distinct=False
            )
        ]

    def __str__(self) -> str:
        return f"pool reminder of {self.on}"
