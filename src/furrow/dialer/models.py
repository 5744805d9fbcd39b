"""The dialing loop's own memory: whether it is alive, who takes calls, and whom it has taken."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import Q

from furrow.calls.models import Call
from furrow.campaigns.models import Campaign, Target
from furrow.followups.models import FollowUp
from furrow.organisation.models import User

from .rules import seat_leg


class Heartbeat(models.Model):
    """The running dialer's sign of life; calls of a silent dialer are closed by a watchdog."""

    name = models.CharField(max_length=20, primary_key=True)  # "dialer"
    started_at = models.DateTimeField()
    beat_at = models.DateTimeField()
    # Counts the dialers that have led. A lease is dialled only in the reign it was taken in, so
    # one that was stopped, replaced and woken again dials nothing.
    reign = models.PositiveBigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.name} at {self.beat_at:%H:%M:%S}"


class SessionQuerySet(models.QuerySet["Session"]):
    def open(self) -> SessionQuerySet:
        return self.filter(closed_at=None)


class Session(models.Model):
    """An agent lets calls come by themselves, from pressing "take calls" until leaving.

    The agent's own line stands all the while: its nth, as lines are lost and raised again.
    """

    agent = models.ForeignKey(User, models.PROTECT)
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)
    line = models.PositiveIntegerField(default=0)  # 0 = none was raised yet
    line_asked_at = models.DateTimeField(null=True, blank=True)
    line_up_at = models.DateTimeField(null=True, blank=True)  # None = it does not stand

    objects = SessionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="session_one_open_per_agent",
                fields=["agent"],
                condition=Q(closed_at=None),
            )
        ]

    def __str__(self) -> str:
        return f"session #{self.pk}"

    @property
    def leg(self) -> str:
        """The agent's line at the switch."""
        return seat_leg(self.pk, self.line)


class LeaseQuerySet(models.QuerySet["Lease"]):
    def held(self) -> LeaseQuerySet:
        """Taken, and neither dialled nor given back."""
        return self.filter(released_at=None, call=None)

    def due(self, at: datetime) -> LeaseQuerySet:
        """Held, and to be dialled by `at`."""
        return self.held().filter(dial_at__lte=at, expires_at__gt=at).order_by("dial_at", "id")


class Lease(models.Model):
    """One customer taken from a campaign, or from somebody's promises, to be dialled once.

    Its id is the fencing token: a lease becomes one call (`call` is unique), or is given back.
    While it is held its target is put off until it expires, so that a lease nobody ends, because
    its dialer died, gives the customer back by itself.
    """

    campaign = models.ForeignKey(Campaign, models.PROTECT)
    target = models.ForeignKey(Target, models.SET_NULL, null=True, blank=True)
    followup = models.ForeignKey(FollowUp, models.PROTECT, null=True, blank=True)  # a promise
    # Kept free for this call; None = whoever is free when somebody answers.
    agent = models.ForeignKey(User, models.PROTECT, null=True, blank=True)
    reign = models.PositiveBigIntegerField()
    taken_at = models.DateTimeField()
    dial_at = models.DateTimeField(null=True, blank=True)  # None = when the agent says so
    expires_at = models.DateTimeField()
    released_at = models.DateTimeField(null=True, blank=True)
    why = models.CharField(max_length=20, blank=True)  # it was given back: a gate's check, "skip"
    call = models.OneToOneField(Call, models.PROTECT, null=True, blank=True)

    objects = LeaseQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="lease_one_held_per_target",
                fields=["target"],
                condition=Q(released_at=None, call=None),
            ),
            models.UniqueConstraint(
                name="lease_one_held_per_agent",
                fields=["agent"],
                condition=Q(released_at=None, call=None),
            ),
            models.CheckConstraint(
                name="lease_dialled_or_given_back", condition=Q(call=None) | Q(released_at=None)
            ),
            models.CheckConstraint(
                name="lease_given_back_with_reason",
                condition=Q(released_at=None, why="") | Q(released_at__isnull=False) & ~Q(why=""),
            ),
        ]
        indexes = [
            models.Index(
                name="lease_held",
                fields=["campaign", "dial_at"],
                condition=Q(released_at=None, call=None),
            ),
        ]

    def __str__(self) -> str:
        return f"lease #{self.pk}"
