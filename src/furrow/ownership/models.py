"""What keeps customers, when they are lost, by which rules; the owner himself is in customers."""

from __future__ import annotations

import pghistory
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from furrow.customers.models import Customer
from furrow.organisation.models import User
from furrow.organisation.rules import Act as Right
from furrow.organisation.rules import Scope

from .rules import ActKind, Clock, PauseKind, ReturnState, Strength


class Act(models.Model):
    """Something somebody did with a customer that may keep it. A ledger: rows are added.

    What counts is judged when it happens, by the rule of its time; `talk_seconds` stays, so that
    other rules can be tried on the past.
    """

    customer = models.ForeignKey(Customer, models.CASCADE)
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField()
    kind = models.CharField(max_length=8, choices=ActKind)
    strength = models.CharField(max_length=8, choices=Strength, default=Strength.WEAK)
    talk_seconds = models.PositiveIntegerField(null=True, blank=True)
    is_deal = models.BooleanField(default=False)
    is_effective = models.BooleanField()  # and by the owner or a collaborator of that time
    is_owners = models.BooleanField()  # by the owner or a collaborator of that time
    source = models.CharField(max_length=60, unique=True)  # "calls.Call:17": told once

    class Meta:
        indexes = [
            models.Index(name="ownership_act_by_customer", fields=["customer", "-at"]),
            models.Index(name="ownership_act_by_at", fields=["at"]),
        ]

    def __str__(self) -> str:
        return f"act #{self.pk} {self.kind}"


class Standing(models.Model):
    """The latest of each customer's acts, so that a million clocks are read at once.

    Made from `Act`: `actions.rebuild_standings` makes the same. A customer nobody worked yet has
    none. Instants only move forward.
    """

    customer = models.OneToOneField(
        Customer, models.CASCADE, primary_key=True, related_name="keeping"
    )
    effective_at = models.DateTimeField(null=True, blank=True)
    dealt_at = models.DateTimeField(null=True, blank=True)
    protected_until = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"standing of customer #{self.customer_id}"


class PauseQuerySet(models.QuerySet["Pause"]):
    def visible_to(self, user: User) -> PauseQuerySet:
        """Outages everybody's; leave of one's own, and of those one sees."""
        match user.scope(Right.ASSIGN_CUSTOMERS):
            case Scope.NONE:
                return self.filter(Q(agent=None) | Q(agent=user))
            case Scope.ALL:
                return self
            case _:
                return self.filter(Q(agent=None) | Q(agent__in=User.objects.visible_to(user)))

    def standing(self) -> PauseQuerySet:
        return self.filter(cancelled_at=None)


@pghistory.track()
class Pause(models.Model):
    """Days that do not count: for one agent (approved leave) or for everybody (an outage)."""

    kind = models.CharField(_("kind"), max_length=8, choices=PauseKind)
    agent = models.ForeignKey(
        User, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("agent")
    )
    starts_at = models.DateTimeField(_("from"))
    ends_at = models.DateTimeField(_("until"))
    note = models.CharField(_("reason"), max_length=200, blank=True)
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField()
    cancelled_at = models.DateTimeField(null=True, blank=True)
    cancelled_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")

    objects = PauseQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="pause_ends_after_it_starts", condition=Q(ends_at__gt=F("starts_at"))
            ),
            models.CheckConstraint(
                name="pause_leave_is_somebodys",
                condition=Q(kind="leave", agent__isnull=False) | Q(kind="outage", agent=None),
            ),
        ]
        indexes = [models.Index(name="ownership_pause_by_end", fields=["ends_at"])]

    def __str__(self) -> str:
        return f"pause #{self.pk} {self.kind}"


class ReturnQuerySet(models.QuerySet["Return"]):
    def open(self) -> ReturnQuerySet:
        return self.filter(state=ReturnState.ANNOUNCED)

    def visible_to(self, user: User) -> ReturnQuerySet:
        return self.filter(customer__in=Customer.objects.visible_to(user))


class Return(models.Model):
    """A customer on its way to the pool: announced, and a leader may keep it for some hours."""

    customer = models.ForeignKey(Customer, models.CASCADE)
    owner = models.ForeignKey(User, models.PROTECT, related_name="+")
    clock = models.CharField(max_length=8, choices=Clock)
    last_on = models.DateField(null=True)  # the last day to act; None when the owner has left
    rule_version = models.PositiveIntegerField()  # 0 = the rules Furrow starts with
    state = models.CharField(max_length=10, choices=ReturnState, default=ReturnState.ANNOUNCED)
    announced_at = models.DateTimeField()
    until_at = models.DateTimeField()  # then it goes to the pool
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    reason = models.CharField(max_length=200, blank=True)

    objects = ReturnQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="return_one_open_per_customer",
                fields=["customer"],
                condition=Q(state="announced"),
            ),
            models.CheckConstraint(
                name="return_decided_unless_announced",
                condition=Q(state="announced", decided_at=None)
                | (~Q(state="announced") & Q(decided_at__isnull=False)),
            ),
        ]
        indexes = [
            models.Index(
                name="return_open_by_until",
                fields=["until_at", "id"],
                condition=Q(state="announced"),
            ),
            models.Index(name="return_by_customer", fields=["customer", "-announced_at"]),
            models.Index(name="return_by_owner", fields=["owner", "-announced_at"]),
        ]

    def __str__(self) -> str:
        return f"return #{self.pk} {self.state}"


class Losing(models.Model):
    """A customer who will be lost within the days of the first warning, as of last night's run.

    Made anew each night; an act that keeps the customer takes the row away at once. A row of an
    earlier owner means nothing: `owned_since` tells.
    """

    customer = models.OneToOneField(
        Customer, models.CASCADE, primary_key=True, related_name="losing"
    )
    owner = models.ForeignKey(User, models.CASCADE, related_name="+")
    owned_since = models.DateTimeField()
    last_on = models.DateField()
    clock = models.CharField(max_length=8, choices=Clock)

    class Meta:
        indexes = [models.Index(name="losing_by_owner", fields=["owner", "last_on"])]

    def __str__(self) -> str:
        return f"customer #{self.customer_id} until {self.last_on}"


@pghistory.track(exclude=["sent_on"])
class WarningMail(models.Model):
    """Somebody wants to read in the morning, by mail, how many customers are about to leave."""

    user = models.OneToOneField(User, models.CASCADE, primary_key=True, related_name="+")
    address = models.EmailField(_("e-mail"))
    language = models.CharField(max_length=10)  # the page was in when it was asked for
    sent_on = models.DateField(null=True, blank=True)  # the last day something was sent, or looked

    def __str__(self) -> str:
        return f"warnings of {self.user_id}"
