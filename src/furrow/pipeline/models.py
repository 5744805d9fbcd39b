"""Where each customer stands in the pipeline, and the scores people gave."""

from __future__ import annotations

import pghistory
import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from furrow.customers.models import Customer, history
from furrow.organisation.models import Team, User
from furrow.organisation.rules import Act, Scope

from .rules import HIGHEST, LOWEST, HandOffState, OutReason, Score, Stage


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
    # From recent payments, each night; None = never paid.
    level = models.PositiveSmallIntegerField(null=True, blank=True)
    # Screening took the customer out for this; nobody sells to them until they are brought back.
    out = models.CharField(max_length=10, choices=OutReason, blank=True, db_default="")

    objects = StandingQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="standing_scores_0_to_5",
                condition=(Q(cp=None) | Q(cp__range=(LOWEST, HIGHEST)))
                & (Q(pi=None) | Q(pi__range=(LOWEST, HIGHEST)))
                & (Q(level=None) | Q(level__range=(LOWEST, HIGHEST))),
            ),
        ]
        indexes = [
            models.Index(name="standing_by_stage", fields=["stage", "-cp", "customer"]),
            models.Index(
                name="standing_by_level", fields=["-level", "customer"], condition=~Q(level=None)
            ),
        ]
        triggers = [
            # Nobody changes stages behind the ledger's back, not even by SQL.
            pgtrigger.Trigger(
                name="moves_by_the_ledger",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                condition=pgtrigger.AnyChange("stage", "since", "out"),
                func=(
                    "IF NOT EXISTS (SELECT FROM pipeline_stagemove AS move"
                    " WHERE move.customer_id = NEW.customer_id AND move.at = NEW.since"
                    " AND move.to_stage = NEW.stage AND move.out = NEW.out) THEN"
                    " RAISE EXCEPTION 'customer % has no stage move to % at %',"
                    " NEW.customer_id, NEW.stage, NEW.since; END IF; RETURN NEW;"
                ),
            )
        ]

    def __str__(self) -> str:
        return f"{self.customer_id}: {self.stage}"


class StageMove(models.Model):
    """Each hand-on from stage to stage; replaying them gives the present stage."""

    customer = models.ForeignKey(Customer, models.CASCADE)
    from_stage = models.CharField(max_length=12, choices=Stage, blank=True)  # "" = entered
    to_stage = models.CharField(max_length=12, choices=Stage)
    out = models.CharField(
        max_length=10, choices=OutReason, blank=True, db_default=""
    )  # why it was taken out
    # False for the moves of a record that was joined to one further on: told, and not replayed.
    counts = models.BooleanField(default=True, db_default=True)
    reason = models.CharField(max_length=200, blank=True)
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(name="stagemove_by_customer", fields=["customer", "-at"]),
            models.Index(name="stagemove_by_at", fields=["at"]),
        ]

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


class HandOffQuerySet(models.QuerySet["HandOff"]):
    def open(self) -> HandOffQuerySet:
        return self.filter(state=HandOffState.SENT)

    def visible_to(self, user: User) -> HandOffQuerySet:
        """To one's team, and for leaders from it too."""
        match user.scope(Act.VIEW_CUSTOMERS):
            case Scope.ALL:
                return self
            case Scope.NONE:
                return self.none()
            case Scope.OWN:
                return self.filter(team=user.team_id)
            case _:
                teams = user.teams(Act.VIEW_CUSTOMERS)
                return self.filter(Q(team__in=teams) | Q(sent_by__team__in=teams))


@pghistory.track()
class HandOff(models.Model):
    """A customer sent to another stage's team, which accepts it, or sends it back with a reason."""

    customer = models.ForeignKey(Customer, models.CASCADE)
    from_stage = models.CharField(max_length=12, choices=Stage)
    to_stage = models.CharField(max_length=12, choices=Stage)
    team = models.ForeignKey(Team, models.PROTECT)
    sent_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    sent_at = models.DateTimeField()
    due_at = models.DateTimeField()  # accepted by then, or the team's leaders are reminded
    state = models.CharField(_("state"), max_length=8, choices=HandOffState, default="sent")
    decided_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=200, blank=True)  # why it was sent back
    reminded_at = models.DateTimeField(null=True, blank=True)

    objects = HandOffQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="handoff_one_open_per_customer", fields=["customer"], condition=Q(state="sent")
            ),
            models.CheckConstraint(
                name="handoff_decided_unless_sent",
                condition=Q(state="sent", decided_at=None)
                | (~Q(state="sent") & Q(decided_at__isnull=False)),
            ),
            models.CheckConstraint(
                name="handoff_returned_with_reason", condition=~Q(state="returned") | ~Q(reason="")
            ),
            models.CheckConstraint(
                name="handoff_due_after_sent", condition=Q(due_at__gt=F("sent_at"))
            ),
        ]
        indexes = [
            models.Index(name="handoff_open", fields=["team", "due_at"], condition=Q(state="sent")),
            models.Index(name="handoff_by_customer", fields=["customer", "-sent_at"]),
        ]

    def __str__(self) -> str:
        return f"hand-off #{self.pk} {self.state}"
