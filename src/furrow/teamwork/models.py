"""Two who want one customer, several who work on one, what each is owed, and handing over."""

from __future__ import annotations

from datetime import datetime

import pghistory
import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, OuterRef, Q, Subquery
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from furrow.customers.models import Customer
from furrow.organisation.models import Team, User
from furrow.organisation.rules import Act, Scope

from .rules import (
    LIVING,
    UNDECIDED,
    WHOLE,
    ClashState,
    Entrance,
    Grounds,
    HandoverReason,
    HandoverState,
    ItemState,
    Ruling,
    percent_of,
)

APPEND_ONLY = pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)


def _adds_up(sale: str, refund: str) -> str:
    """PL/pgSQL: at commit, the lines of a sale, or of a refund, sum to what it is about."""
    return f"""
        IF {refund} IS NULL THEN
            IF (SELECT sum(amount_minor) FROM teamwork_credit
                WHERE sale_id = {sale} AND refund_id IS NULL)
               IS DISTINCT FROM (SELECT amount_minor FROM teamwork_sale WHERE id = {sale})
               OR (SELECT sum(share) FROM teamwork_credit
                   WHERE sale_id = {sale} AND refund_id IS NULL) IS DISTINCT FROM {WHOLE}
            THEN RAISE EXCEPTION 'credit of sale % does not add up', {sale}
                USING ERRCODE = 'integrity_constraint_violation';
            END IF;
        ELSIF (SELECT -sum(amount_minor) FROM teamwork_credit WHERE refund_id = {refund})
              IS DISTINCT FROM (SELECT amount_minor FROM teamwork_refund WHERE id = {refund})
              OR EXISTS (SELECT FROM teamwork_credit WHERE sale_id = {sale}
                         GROUP BY user_id HAVING sum(amount_minor) < 0)
        THEN RAISE EXCEPTION 'credit of refund % does not add up', {refund}
            USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NULL;
    """  # noqa: S608


def _at_commit(name: str, func: str) -> pgtrigger.Trigger:
    return pgtrigger.Trigger(
        name=name,
        when=pgtrigger.After,
        operation=pgtrigger.Insert,
        timing=pgtrigger.Deferred,
        func=func,
    )


class TermsVersion(models.Model):
    """The company's terms in one version (rules.Terms). Never changed; a new one is added."""

    body = models.JSONField()
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        triggers = [APPEND_ONLY]

    def __str__(self) -> str:
        return f"terms v{self.pk}"


@pghistory.track()
class Profile(models.Model):
    """What somebody takes when customers are dealt. Who has none takes everything, one share."""

    user = models.OneToOneField(User, models.CASCADE, primary_key=True, related_name="profile")
    share = models.PositiveSmallIntegerField(_("share"), default=100)  # against 100, the usual one
    most = models.PositiveIntegerField(_("most customers"), null=True, blank=True)  # None = no end
    # trait -> accepted values; a trait that is absent accepts every value.
    accepts = models.JSONField(default=dict)

    def __str__(self) -> str:
        return f"profile of {self.user_id}"


class Dealing(models.Model):
    """One allocation that was carried out: who got how many, and the seed it can be repeated by."""

    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField()
    seed = models.BigIntegerField()
    counts = models.JSONField()  # agent id as text -> customers
    left = models.JSONField()  # why -> customers

    class Meta:
        triggers = [APPEND_ONLY]
        indexes = [models.Index(name="dealing_by_at", fields=["-at"])]

    def __str__(self) -> str:
        return f"dealing #{self.pk}"


class LookUp(models.Model):
    """Somebody asked whose a customer is. What was typed is not kept (I1)."""

    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField()
    by_number = models.BooleanField()
    found = models.PositiveSmallIntegerField()

    class Meta:
        triggers = [APPEND_ONLY]
        indexes = [models.Index(name="lookup_by_person", fields=["by", "-at"])]

    def __str__(self) -> str:
        return f"look-up #{self.pk}"


# -- clashes ---------------------------------------------------------------------------------------


class ClashQuerySet(models.QuerySet["Clash"]):
    def living(self) -> ClashQuerySet:
        return self.filter(state__in=LIVING)

    def undecided(self) -> ClashQuerySet:
        return self.filter(state__in=UNDECIDED)

    def visible_to(self, user: User) -> ClashQuerySet:
        """One's own, on either side; and those within reach of the right to settle them."""
        own = Q(claimant=user) | Q(holder=user)
        match user.scope(Act.SETTLE_CLASHES):
            case Scope.ALL:
                return self
            case Scope.NONE:
                return self.filter(own)
            case _:
                teams = user.teams(Act.SETTLE_CLASHES)
                return self.filter(own | Q(team__in=teams))


@pghistory.track()
class Clash(models.Model):
    """Somebody wants a customer who has an owner (撞单). Decided by rule or by a person."""

    customer = models.ForeignKey(Customer, models.CASCADE)
    claimant = models.ForeignKey(User, models.PROTECT, related_name="+")
    holder = models.ForeignKey(User, models.PROTECT, related_name="+")
    team = models.ForeignKey(Team, models.PROTECT, null=True, blank=True)  # the holder's
    entrance = models.CharField(max_length=8, choices=Entrance)
    words = models.CharField(_("reason"), max_length=300, blank=True)  # the claimant's
    attempts = models.PositiveIntegerField(default=1)
    opened_at = models.DateTimeField()
    last_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=ClashState)
    # The deadline of the state: to decide, or to appeal. None once closed.
    due_at = models.DateTimeField(null=True, blank=True)
    ruling = models.CharField(max_length=8, choices=Ruling, blank=True)
    grounds = models.CharField(max_length=8, choices=Grounds, blank=True)

    objects = ClashQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="clash_one_living_per_claimant",
                fields=["customer", "claimant"],
                condition=~Q(state="closed"),
            ),
            models.CheckConstraint(name="clash_has_two_sides", condition=~Q(claimant=F("holder"))),
            models.CheckConstraint(
                name="clash_decided_on_grounds",
                condition=Q(state__in=["waiting", "escalated"], ruling="", grounds="")
                | Q(state="appealed") & ~Q(ruling="")
                | Q(state__in=["decided"]) & ~Q(ruling="") & ~Q(grounds="")
                | Q(state="closed"),
            ),
            models.CheckConstraint(
                name="clash_due_while_living",
                condition=Q(state="closed", due_at=None)
                | (~Q(state="closed") & Q(due_at__isnull=False)),
            ),
        ]
        indexes = [
            models.Index(name="clash_due", fields=["due_at"], condition=~Q(state="closed")),
            models.Index(name="clash_by_holder", fields=["holder", "-last_at"]),
            models.Index(name="clash_by_claimant", fields=["claimant", "-last_at"]),
            models.Index(name="clash_by_team", fields=["team", "-last_at"]),
            models.Index(name="clash_by_customer", fields=["customer"]),
        ]

    def __str__(self) -> str:
        return f"clash #{self.pk}"


class ClashStep(models.Model):
    """What happened in a clash, with the evidence as it lay on the table. Never changed."""

    clash = models.ForeignKey(Clash, models.CASCADE, related_name="steps")
    state = models.CharField(max_length=10, choices=ClashState)  # the state it led to
    ruling = models.CharField(max_length=8, choices=Ruling, blank=True)
    grounds = models.CharField(max_length=8, choices=Grounds, blank=True)
    words = models.CharField(max_length=300, blank=True)
    # Anchors of the moments on the customer's timeline: "calls.Call:17".
    evidence = models.JSONField(default=list)
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        triggers = [pgtrigger.Protect(name="never_changed", operation=pgtrigger.Update)]
        indexes = [models.Index(name="clash_step_in_order", fields=["clash", "id"])]

    def __str__(self) -> str:
        return f"step #{self.pk} of clash {self.clash_id}"

    @property
    def title(self) -> str:
        """What it led to, in the reader's language."""
        state = ClashState(self.state)
        if state in (ClashState.DECIDED, ClashState.CLOSED):
            return " · ".join(str(said) for said in (Ruling(self.ruling).label, self.why) if said)
        return str(state.label)

    @property
    def why(self) -> str:
        return str(Grounds(self.grounds).label)


# -- shares and credit -----------------------------------------------------------------------------


class CollaborationQuerySet(models.QuerySet["Collaboration"]):
    def standing(self, at: datetime) -> CollaborationQuerySet:
        """Agreed by `at`, not ended and not run out then."""
        return self.filter(since__lte=at, until__gt=at).filter(
            Q(ended_at=None) | Q(ended_at__gt=at)
        )

    def standing_now(self) -> CollaborationQuerySet:
        """By the database's clock: who may see a customer is asked without an `at`."""
        return self.filter(until__gt=Now(), ended_at=None)

    def visible_to(self, user: User) -> CollaborationQuerySet:
        return self.filter(customer__in=Customer.objects.visible_to(user))


@pghistory.track()
class Collaboration(models.Model):
    """Somebody helps the owner with a customer, until a day, for an agreed share (B5).

    A share is agreed before the sale and never changed: a new one is a new row.
    """

    customer = models.ForeignKey(Customer, models.CASCADE)
    user = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("collaborator"))
    share = models.PositiveIntegerField(_("share"), default=0)  # hundredths of a percent
    note = models.CharField(_("note"), max_length=200, blank=True)
    since = models.DateTimeField()
    until = models.DateTimeField(_("until"))
    ended_at = models.DateTimeField(null=True, blank=True)
    by = models.ForeignKey(User, models.PROTECT, related_name="+")

    objects = CollaborationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="collaboration_ends_after_it_began", condition=Q(until__gt=F("since"))
            ),
            models.CheckConstraint(
                name="collaboration_share_at_most_whole", condition=Q(share__lte=WHOLE)
            ),
            models.UniqueConstraint(
                name="collaboration_once", fields=["customer", "user"], condition=Q(ended_at=None)
            ),
        ]
        indexes = [
            models.Index(
                name="collaboration_by_user", fields=["user", "until"], condition=Q(ended_at=None)
            ),
            models.Index(name="collaboration_by_customer", fields=["customer", "since"]),
        ]

    def __str__(self) -> str:
        return f"collaboration #{self.pk}"

    @property
    def percent(self) -> str:
        return percent_of(self.share)


class SaleQuerySet(models.QuerySet["Sale"]):
    def visible_to(self, user: User) -> SaleQuerySet:
        """Those whose credit one may see: one's own, the team's, the company's."""
        match user.scope(Act.VIEW_CREDIT):
            case Scope.ALL:
                return self
            case Scope.OWN:
                return self.filter(credits__user=user).distinct()
            case Scope.NONE:
                return self.none()
            case _:
                teams = user.teams(Act.VIEW_CREDIT)
                return self.filter(credits__user__team__in=teams).distinct()


class Sale(models.Model):
    """A sale another system, or a person, told of. Append-only; `order_ref` makes it one."""

    order_ref = models.CharField(max_length=80, unique=True)
    customer = models.ForeignKey(Customer, models.PROTECT)
    amount_minor = models.PositiveBigIntegerField()  # cents, fen
    currency = models.CharField(max_length=3, default="CNY")
    sold_at = models.DateTimeField()
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField()

    objects = SaleQuerySet.as_manager()

    class Meta:
        # A merge moves a sale to the kept customer; nothing else about it changes.
        triggers = [
            pgtrigger.Protect(
                name="only_the_customer_changes",
                operation=pgtrigger.Update,
                condition=pgtrigger.AnyChange(exclude=["customer"]),
            ),
            pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete),
            _at_commit("sale_credited", _adds_up("NEW.id", "NULL::bigint")),
        ]
        indexes = [
            models.Index(name="sale_by_customer", fields=["customer", "-sold_at"]),
            models.Index(name="sale_newest", fields=["-at", "-id"]),
        ]

    def __str__(self) -> str:
        return f"sale #{self.pk}"


class Refund(models.Model):
    """A part of a sale given back. Append-only; together never more than the sale (a trigger)."""

    sale = models.ForeignKey(Sale, models.PROTECT, related_name="refunds")
    refund_ref = models.CharField(max_length=80, unique=True)
    amount_minor = models.PositiveBigIntegerField()
    refunded_at = models.DateTimeField()
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        triggers = [
            APPEND_ONLY,
            _at_commit("refund_credited", _adds_up("NEW.sale_id", "NEW.id")),
        ]
        constraints = [
            models.CheckConstraint(name="refund_of_something", condition=Q(amount_minor__gt=0))
        ]
        indexes = [models.Index(name="refund_by_sale", fields=["sale"])]

    def __str__(self) -> str:
        return f"refund #{self.pk}"


class Credit(models.Model):
    """One line of the ledger: what one person got of a sale, or gave back of a refund.

    The lines of a sale sum to its amount and those of a refund to its amount, negative; the shares
    of a sale to 100 %. Triggers at commit refuse anything else.
    """

    sale = models.ForeignKey(Sale, models.PROTECT, related_name="credits")
    refund = models.ForeignKey(
        Refund, models.PROTECT, null=True, blank=True, related_name="credits"
    )
    # None = the house: nobody owned the customer when it was sold.
    user = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    share = models.PositiveIntegerField()  # hundredths of a percent
    amount_minor = models.BigIntegerField()
    at = models.DateTimeField()

    class Meta:
        triggers = [
            APPEND_ONLY,
            _at_commit("credit_adds_up", _adds_up("NEW.sale_id", "NEW.refund_id")),
        ]
        constraints = [
            models.CheckConstraint(
                name="credit_has_the_right_sign",
                condition=Q(refund=None, amount_minor__gte=0)
                | Q(refund__isnull=False, amount_minor__lte=0),
            ),
            models.UniqueConstraint(
                name="credit_once",
                fields=["sale", "refund", "user"],
                nulls_distinct=False,
            ),
        ]
        indexes = [models.Index(name="credit_by_user", fields=["user", "-at"])]

    def __str__(self) -> str:
        return f"credit #{self.pk}"


# -- handing over ----------------------------------------------------------------------------------


class HandoverQuerySet(models.QuerySet["Handover"]):
    def visible_to(self, user: User) -> HandoverQuerySet:
        match user.scope(Act.ASSIGN_CUSTOMERS):
            case Scope.ALL:
                return self
            case Scope.NONE:
                return self.none()
            case _:
                return self.filter(person__team__in=user.teams(Act.ASSIGN_CUSTOMERS))


@pghistory.track()
class Handover(models.Model):
    """Somebody's customers, or a slice of them, go to others with all that hangs on them (B6)."""

    person = models.ForeignKey(User, models.PROTECT, related_name="+")
    reason = models.CharField(max_length=10, choices=HandoverReason)
    query = models.CharField(max_length=500, blank=True)  # the slice, as the list's URL writes it
    heirs = ArrayField(models.BigIntegerField())  # ids of people
    touch_days = models.PositiveSmallIntegerField()
    seed = models.BigIntegerField()
    state = models.CharField(max_length=10, choices=HandoverState, default=HandoverState.PLANNED)
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    planned_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True)
    done_at = models.DateTimeField(null=True, blank=True)

    objects = HandoverQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="handover_one_at_a_time",
                fields=["person"],
                condition=Q(state__in=["planned", "running"]),
            )
        ]

    def __str__(self) -> str:
        return f"hand-over #{self.pk}"


class HandoverItemQuerySet(models.QuerySet["HandoverItem"]):
    def visible_to(self, user: User) -> HandoverItemQuerySet:
        """What came to oneself, or to people within reach."""
        reach = Q(heir=user)
        scope = user.scope(Act.ASSIGN_CUSTOMERS)
        if scope is Scope.ALL:
            return self
        if scope is not Scope.NONE:
            reach |= Q(heir__team__in=user.teams(Act.ASSIGN_CUSTOMERS))
        return self.filter(reach)

    def untouched(self) -> HandoverItemQuerySet:
        """Handed over, still with the heir, and nobody has reached out since.

        Asked one by one: so the soonest due are found by walking an index until there are enough.
        As a join the planner read all that was ever handed over, and sorted it.
        """
        waits = Customer.objects.filter(
            Q(last_touch_at=None) | Q(last_touch_at__lt=OuterRef("moved_at")),
            pk=OuterRef("customer"),
            owner=OuterRef("heir"),
        )
        one = Subquery(waits.order_by().values("pk")[:1])
        return self.filter(state=ItemState.MOVED).alias(waits=one).exclude(waits=None)


class HandoverItem(models.Model):
    """One customer in a hand-over. The plan, then what came of it."""

    handover = models.ForeignKey(Handover, models.CASCADE, related_name="items")
    customer = models.ForeignKey(Customer, models.CASCADE)
    heir = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    state = models.CharField(max_length=10, choices=ItemState, default=ItemState.PLANNED)
    moved_at = models.DateTimeField(null=True, blank=True)
    due_at = models.DateTimeField(null=True, blank=True)  # the first touch

    objects = HandoverItemQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(name="handover_item_once", fields=["handover", "customer"]),
            models.CheckConstraint(
                name="handover_item_moved_to_somebody",
                condition=~Q(state="moved")
                | Q(heir__isnull=False, moved_at__isnull=False, due_at__isnull=False),
            ),
        ]
        indexes = [
            models.Index(
                name="handover_item_waiting",
                fields=["handover", "id"],
                condition=Q(state="planned"),
            ),
            models.Index(
                name="handover_item_due", fields=["heir", "due_at"], condition=Q(state="moved")
            ),
            # The company's first touches in their order, whoever has them.
            models.Index(
                name="handover_item_soonest", fields=["due_at", "id"], condition=Q(state="moved")
            ),
            models.Index(name="handover_item_by_customer", fields=["customer"]),
        ]

    def __str__(self) -> str:
        return f"hand-over item #{self.pk}"
