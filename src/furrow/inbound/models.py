"""Numbers that people call, who called them, and at whom each caller rang."""

from __future__ import annotations

from datetime import datetime

import pghistory
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from furrow.calls.models import Call
from furrow.calls.rules import BEFORE_TALK
from furrow.common.phone import pretty
from furrow.organisation.models import Team, User
from furrow.organisation.rules import Act, Scope

from .rules import CameOfIt, Hours, Result, Why


def every_weekday() -> list[int]:
    return [0, 1, 2, 3, 4]


class HotlineQuerySet(models.QuerySet["Hotline"]):
    def visible_to(self, user: User) -> HotlineQuerySet:
        return self if user.can(Act.EDIT_CAMPAIGNS) else self.none()


@pghistory.track()
class Hotline(models.Model):
    """A number of ours that people call, the team that answers it, and what callers hear."""

    e164 = models.CharField(_("number"), max_length=20, unique=True)
    name = models.CharField(_("name"), max_length=60)
    team = models.ForeignKey(Team, models.PROTECT, verbose_name=_("team"), related_name="+")
    # Who calls back whom nobody talked to; None = the same team.
    callback_team = models.ForeignKey(
        Team, models.PROTECT, null=True, blank=True, verbose_name=_("call-back team"),
        related_name="+",
    )  # fmt: skip
    opens_minute = models.PositiveSmallIntegerField(_("opens"), default=9 * 60)
    closes_minute = models.PositiveSmallIntegerField(_("closes"), default=18 * 60)
    weekdays = ArrayField(models.PositiveSmallIntegerField(), default=every_weekday)  # 0 = Monday
    ring_seconds = models.PositiveSmallIntegerField(_("rings at one agent"), default=15)
    queue_seconds = models.PositiveSmallIntegerField(_("longest wait"), default=60)
    # What is said, for people to read; the sounds are files of the switch's library.
    announcement = models.CharField(_("announcement"), max_length=300, blank=True)
    promise = models.CharField(_("promise to call back"), max_length=300, blank=True)
    is_active = models.BooleanField(default=True)

    objects = HotlineQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="hotline_hours_make_sense",
                condition=Q(opens_minute__lt=models.F("closes_minute"), closes_minute__lte=1440),
            ),
            models.CheckConstraint(
                name="hotline_rings_and_waits",
                condition=Q(ring_seconds__gte=5, ring_seconds__lte=60),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def number(self) -> str:
        return pretty(self.e164)

    @property
    def opening(self) -> str:
        """When it is answered, by the clock: "09:00–18:00"."""
        ends = (self.opens_minute, self.closes_minute)
        return "–".join(f"{minute // 60:02d}:{minute % 60:02d}" for minute in ends)

    @property
    def hours(self) -> Hours:
        return Hours(self.opens_minute, self.closes_minute, frozenset(self.weekdays))


class ArrivalQuerySet(models.QuerySet["Arrival"]):
    def waiting(self) -> ArrivalQuerySet:
        """On the line, and talking to nobody yet."""
        return self.filter(came_of_it="", call__state__in=BEFORE_TALK)

    def visible_to(self, user: User) -> ArrivalQuerySet:
        match user.scope(Act.WATCH_FLOOR):
            case Scope.ALL:
                return self
            case Scope.SUBTREE | Scope.TEAM:
                return self.filter(hotline__team__in=user.teams(Act.WATCH_FLOOR))
            case _:
                return self.none()


class Arrival(models.Model):
    """Somebody called us. Who shows no number has no call, for there is nobody to write it to."""

    leg = models.CharField(max_length=64, unique=True)  # the switch's name for the line
    hotline = models.ForeignKey(Hotline, models.PROTECT)
    call = models.OneToOneField(Call, models.PROTECT, null=True, blank=True)
    is_new = models.BooleanField(default=False)  # nobody knew the number before
    at = models.DateTimeField()
    waits_since = models.DateTimeField(null=True, blank=True)  # nobody was free; hears something
    promised_at = models.DateTimeField(null=True, blank=True)
    came_of_it = models.CharField(max_length=10, choices=CameOfIt, blank=True)  # "" = not over
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = ArrivalQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="arrival_over_with_result",
                condition=Q(came_of_it="", ended_at=None)
                | ~Q(came_of_it="") & Q(ended_at__isnull=False),
            )
        ]
        indexes = [
            models.Index(name="arrival_open", fields=["at"], condition=Q(came_of_it="")),
            models.Index(name="arrival_by_at", fields=["-at"]),
        ]

    def __str__(self) -> str:
        return f"arrival #{self.pk}"

    @property
    def caller(self) -> Call:
        """The call, where there must be one: somebody who showed a number."""
        assert self.call is not None  # noqa: S101
        return self.call


class OfferQuerySet(models.QuerySet["Offer"]):
    def visible_to(self, user: User) -> OfferQuerySet:
        """Whom it rings at sees it, and nobody else."""
        return self.filter(agent=user)

    def open(self) -> OfferQuerySet:
        return self.filter(result="")


class Offer(models.Model):
    """One caller ringing at one agent."""

    arrival = models.ForeignKey(Arrival, models.CASCADE)
    agent = models.ForeignKey(User, models.PROTECT)
    why = models.CharField(max_length=12, choices=Why)
    at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)  # the agent pressed the key
    result = models.CharField(max_length=10, choices=Result, blank=True)  # "" = it rings

    objects = OfferQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="offer_one_open_per_arrival", fields=["arrival"], condition=Q(result="")
            ),
            models.UniqueConstraint(
                name="offer_one_open_per_agent", fields=["agent"], condition=Q(result="")
            ),
        ]

    def __str__(self) -> str:
        return f"offer #{self.pk}"

    def runs_out(self, at: datetime) -> bool:
        """It has rung long enough, and nobody took it."""
        rung = (at - self.at).total_seconds()
        return self.accepted_at is None and rung >= self.arrival.hotline.ring_seconds
