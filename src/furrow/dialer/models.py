"""The dialing loop's own memory: whether it is alive, who takes calls, and whom it has taken."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import F, Q

from furrow.calls.models import Call
from furrow.calls.rules import CallState
from furrow.campaigns.models import Campaign, Target
from furrow.customers.models import Number
from furrow.followups.models import FollowUp
from furrow.organisation.models import User
from furrow.permits.models import Permit

from .rules import RAISE_AGAIN, Place, seat_leg


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
    """An agent lets calls come by themselves, from pressing "take calls" until leaving."""

    agent = models.ForeignKey(User, models.PROTECT)
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)

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


class Line(models.Model):
    """An agent's own line at the switch. It stands all day, from opening the phone or taking
    calls on: so before anybody is rung it is known that microphone and sound work."""

    agent = models.OneToOneField(User, models.CASCADE, primary_key=True, related_name="line")
    nth = models.PositiveIntegerField(default=0)  # as lines are lost and raised again
    asked_at = models.DateTimeField()
    up_at = models.DateTimeField(null=True, blank=True)
    lost_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.leg

    @property
    def leg(self) -> str:
        return seat_leg(self.agent_id, self.nth)

    def is_usable(self, at: datetime) -> bool:
        """Whether it stands, or is just being rung."""
        return self.up_at is not None or (self.lost_at is None and at - self.asked_at < RAISE_AGAIN)


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


class TalkQuerySet(models.QuerySet["Talk"]):
    def due(self) -> TalkQuerySet:
        """The lines do not do yet what is wanted."""
        wanted = ~Q(is_held=F("wants_hold")) | ~Q(is_muted=F("wants_mute")) | ~Q(tones="")
        return self.filter(wanted, call__state=CallState.TALKING)


class Talk(models.Model):
    """What the agent wants of the lines of a call, and what they do: the dialer makes the second
    like the first. A call nobody asked anything of has no row."""

    call = models.OneToOneField(Call, models.PROTECT, primary_key=True)
    wants_hold = models.BooleanField(default=False)
    is_held = models.BooleanField(default=False)  # the customer hears music
    held_at = models.DateTimeField(null=True, blank=True)
    wants_mute = models.BooleanField(default=False)
    is_muted = models.BooleanField(default=False)  # nobody hears the agent
    tones = models.CharField(max_length=40, blank=True)  # to be sent; forgotten when they are

    objects = TalkQuerySet.as_manager()

    def __str__(self) -> str:
        return f"talk of call #{self.pk}"


class PartyQuerySet(models.QuerySet["Party"]):
    def live(self) -> PartyQuerySet:
        return self.filter(ended_at=None)

    def visible_to(self, user: User) -> PartyQuerySet:
        """Those in one's own call, and oneself in another's."""
        return self.filter(Q(user=user) | Q(call__agent=user))

    def helping(self) -> PartyQuerySet:
        """Live, said yes, and not a supervisor: a colleague who is busy with somebody's call."""
        return self.live().filter(is_supervisor=False, accepted_at__isnull=False)


class Party(models.Model):
    """Somebody beside the agent and the customer in a call: a colleague or somebody outside who
    is asked for help or to take it, or a supervisor.

    `wanted` says what they should do, `place` what they do: the dialer makes them the same.
    """

    call = models.ForeignKey(Call, models.PROTECT)
    user = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    # Somebody outside, with the gate's permission.
    number = models.ForeignKey(Number, models.PROTECT, null=True, blank=True)
    permit = models.OneToOneField(Permit, models.PROTECT, null=True, blank=True)
    is_supervisor = models.BooleanField(default=False)
    wanted = models.CharField(max_length=10, choices=Place)
    place = models.CharField(max_length=10, choices=Place, blank=True)  # "" = not in the call yet
    asked_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    asked_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)  # None = a colleague is asked
    leg = models.CharField(max_length=64, blank=True)  # "" = none yet, or it is lost
    up_at = models.DateTimeField(null=True, blank=True)  # the leg can be joined with others
    placed_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    why = models.CharField(max_length=20, blank=True)  # they left: a line's outcome, "declined", …

    objects = PartyQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="party_a_person_or_a_permitted_number",
                condition=Q(user__isnull=False, number=None, permit=None)
                | Q(user=None, number__isnull=False, permit__isnull=False, is_supervisor=False),
            ),
            # Who took the call over stays in it, and may ask somebody in turn.
            models.UniqueConstraint(
                name="party_one_helper_per_call",
                fields=["call"],
                condition=Q(ended_at=None, is_supervisor=False) & ~Q(place=Place.TAKE_OVER),
            ),
            models.UniqueConstraint(
                name="party_one_call_per_person",
                fields=["user"],
                condition=Q(ended_at=None),
            ),
        ]
        indexes = [
            models.Index(name="party_by_call", fields=["call"]),
            models.Index(name="party_live", fields=["asked_at"], condition=Q(ended_at=None)),
        ]

    def __str__(self) -> str:
        return f"party #{self.pk} of call #{self.call_id}"

    @property
    def name(self) -> str:
        """As people are shown it; a number is masked."""
        if self.user is not None:
            return str(self.user)
        return self.number.masked if self.number is not None else ""

    @property
    def is_asked(self) -> bool:
        """A colleague has not said yes or no."""
        return self.accepted_at is None
