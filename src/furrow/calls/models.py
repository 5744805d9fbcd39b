"""Every call: what was allowed, what the line said, what the agent said."""

from __future__ import annotations

import pghistory
from django.db import models
from django.db.models import Q

from furrow.acquisition.models import Source
from furrow.campaigns.models import Campaign, Disposition
from furrow.campaigns.rules import DialMode
from furrow.customers.models import Customer, Number
from furrow.organisation.models import Team, User
from furrow.organisation.rules import Act, Scope
from furrow.permits.models import Permit
from furrow.pipeline.rules import HIGHEST, LOWEST

from .rules import BEFORE_TALK, IN_PROGRESS, CallState, Outcome


class CallQuerySet(models.QuerySet["Call"]):
    def in_progress(self) -> CallQuerySet:
        return self.filter(state__in=IN_PROGRESS)

    def unwrapped(self) -> CallQuerySet:
        """Ended, and waiting for the agent's word on what came of it."""
        return self.filter(state=CallState.ENDED, wrapped_at=None, agent__isnull=False)

    def visible_to(self, user: User) -> CallQuerySet:
        match user.scope(Act.VIEW_CUSTOMERS):
            case Scope.ALL:
                return self
            case Scope.SUBTREE | Scope.TEAM:
                return self.filter(team__in=user.teams(Act.VIEW_CUSTOMERS))
            case Scope.OWN:
                return self.filter(agent=user)
            case _:
                return self.none()


@pghistory.track()
class Call(models.Model):
    # We call nobody without a permit, and one permit allows one call (a check, and UNIQUE). Who
    # calls us needs none.
    permit = models.OneToOneField(Permit, models.PROTECT, null=True, blank=True)
    is_inbound = models.BooleanField(default=False)
    customer = models.ForeignKey(Customer, models.PROTECT)
    number = models.ForeignKey(Number, models.PROTECT)
    # Who talks. A call the dialer makes by itself has nobody until it is answered by a person; an
    # inbound one has whom it rings at just now.
    agent = models.ForeignKey(User, models.PROTECT, null=True, blank=True)
    # The agent's at that time; while there is none the campaign's.
    team = models.ForeignKey(Team, models.PROTECT, null=True)
    mode = models.CharField(max_length=12, choices=DialMode, default=DialMode.MANUAL)
    campaign = models.ForeignKey(Campaign, models.PROTECT, null=True, blank=True)
    # Where the number first came from, at that time: reports by source join nothing.
    source = models.ForeignKey(Source, models.PROTECT, null=True, blank=True)
    state = models.CharField(max_length=8, choices=CallState, default=CallState.QUEUED)
    outcome = models.CharField(max_length=16, choices=Outcome, blank=True)
    cause = models.CharField(max_length=60, blank=True)  # the line's own word, for the engineer
    attempt = models.PositiveSmallIntegerField(default=1)  # nth call to this customer
    queued_at = models.DateTimeField()
    dialed_at = models.DateTimeField(null=True, blank=True)
    ringing_at = models.DateTimeField(null=True, blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)
    connected_at = models.DateTimeField(null=True, blank=True)  # to the agent
    ended_at = models.DateTimeField(null=True, blank=True)
    hangup_asked_at = models.DateTimeField(null=True, blank=True)
    # The agent's part.
    disposition = models.ForeignKey(Disposition, models.PROTECT, null=True, blank=True)
    cp = models.PositiveSmallIntegerField(null=True, blank=True)
    remark = models.CharField(max_length=1000, blank=True)
    wrapped_at = models.DateTimeField(null=True, blank=True)

    objects = CallQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="call_one_in_progress_per_agent",
                fields=["agent"],
                condition=Q(state__in=[str(s) for s in IN_PROGRESS]),
            ),
            models.CheckConstraint(
                name="call_permitted_or_inbound",
                condition=Q(is_inbound=False, permit__isnull=False)
                | Q(is_inbound=True, permit=None),
            ),
            models.CheckConstraint(
                name="call_nobody_talks_to_nobody",
                condition=~Q(state="talking") | Q(agent__isnull=False),
            ),
            models.CheckConstraint(
                name="call_ended_with_outcome",
                condition=(Q(state="ended") & ~Q(outcome="") & Q(ended_at__isnull=False))
                | (~Q(state="ended") & Q(outcome="", ended_at=None)),
            ),
            models.CheckConstraint(
                name="call_wrapped_with_disposition",
                condition=Q(wrapped_at=None, disposition=None)
                | Q(wrapped_at__isnull=False, disposition__isnull=False, state="ended"),
            ),
            models.CheckConstraint(
                name="call_cp_0_to_5", condition=Q(cp=None) | Q(cp__range=(LOWEST, HIGHEST))
            ),
        ]
        indexes = [
            models.Index(name="call_by_queued", fields=["queued_at"]),
            models.Index(name="call_by_agent", fields=["agent", "-queued_at"]),
            models.Index(name="call_by_team", fields=["team", "-queued_at"]),
            models.Index(name="call_by_customer", fields=["customer", "-queued_at"]),
            models.Index(name="call_by_number", fields=["number", "-queued_at"]),
            models.Index(
                name="call_in_progress",
                fields=["state"],
                condition=Q(state__in=[str(s) for s in IN_PROGRESS]),
            ),
            models.Index(
                name="call_unwrapped",
                fields=["agent"],
                condition=Q(state="ended", wrapped_at=None, agent__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"call #{self.pk} ({self.state})"

    @property
    def talk_seconds(self) -> int:
        """Whole seconds between answer and end; 0 when nobody answered or it is still on."""
        if self.answered_at is None or self.ended_at is None:
            return 0
        return int((self.ended_at - self.answered_at).total_seconds())

    @property
    def talker(self) -> User:
        """The agent, where there must be one: of a call that was taken, or made by hand."""
        assert self.agent is not None  # noqa: S101
        return self.agent

    @property
    def is_in_progress(self) -> bool:
        return self.state != CallState.ENDED

    @property
    def is_calling_us(self) -> bool:
        """Somebody calls and talks to nobody yet."""
        return self.is_inbound and self.state in BEFORE_TALK
