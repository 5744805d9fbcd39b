"""An audience, a stage, a script, dispositions, hours, agents and targets: one campaign."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import pghistory
import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from furrow.customers.models import Customer
from furrow.organisation.models import Team, User
from furrow.organisation.rules import Act, Scope
from furrow.pipeline.rules import Stage

from .rules import (
    MAY_DIAL,
    CampaignState,
    DialMode,
    Effect,
    PilotVerdict,
    TargetState,
    arm_of,
    default_retry_minutes,
    default_slots,
)


@pghistory.track()
class DispositionSet(models.Model):
    name = models.CharField(_("name"), max_length=80, unique=True)

    def __str__(self) -> str:
        return self.name


@pghistory.track()
class Disposition(models.Model):
    """What an agent says came of a call: one key, one effect."""

    set = models.ForeignKey(DispositionSet, models.CASCADE, related_name="dispositions")
    key = models.PositiveSmallIntegerField(_("key"))  # 1 to 9, the key on the desk
    name_en = models.CharField(_("name in English"), max_length=60)
    name_zh = models.CharField(_("name in Chinese"), max_length=60)
    effect = models.CharField(_("effect"), max_length=16, choices=Effect, default=Effect.NOTHING)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="disposition_key_once_per_set", fields=["set", "key"]),
            models.CheckConstraint(name="disposition_key_1_to_9", condition=Q(key__range=(1, 9))),
        ]
        ordering = ["key"]

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        """In the reader's language."""
        return self.name_zh if (get_language() or "").startswith("zh") else self.name_en


@pghistory.track()
class Script(models.Model):
    name = models.CharField(_("name"), max_length=80, unique=True)

    def __str__(self) -> str:
        return self.name


@pghistory.track()
class ScriptVersion(models.Model):
    """What to say, in one version. Never changed (a trigger refuses); a new one is added.

    body  {"opening": "…", "steps": [{"title": "…", "say": "…"}],
           "objections": [{"when": "…", "say": "…"}]}
    """

    script = models.ForeignKey(Script, models.CASCADE, related_name="versions")
    version = models.PositiveIntegerField()
    body = models.JSONField()
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(name="script_version_once", fields=["script", "version"])
        ]
        triggers = [pgtrigger.Protect(name="never_changed", operation=pgtrigger.Update)]

    def __str__(self) -> str:
        return f"{self.script} v{self.version}"


class CampaignQuerySet(models.QuerySet["Campaign"]):
    def running(self) -> CampaignQuerySet:
        return self.filter(state=CampaignState.RUNNING)

    def visible_to(self, user: User) -> CampaignQuerySet:
        """All; a leader the team's; an agent those he works on."""
        match user.scope(Act.VIEW_CAMPAIGNS):
            case Scope.ALL:
                return self
            case Scope.SUBTREE | Scope.TEAM:
                teams = user.teams(Act.VIEW_CAMPAIGNS)
                return self.filter(Q(team__in=teams) | Q(agents__team__in=teams)).distinct()
            case Scope.OWN:
                return self.filter(agents=user)
            case _:
                return self.none()


@pghistory.track()
class Campaign(models.Model):
    name = models.CharField(_("name"), max_length=80, unique=True)
    stage = models.CharField(_("stage"), max_length=12, choices=Stage, default=Stage.SCREENING)
    product = models.CharField(_("product"), max_length=80, blank=True)
    state = models.CharField(max_length=8, choices=CampaignState, default=CampaignState.DRAFT)
    team = models.ForeignKey(Team, models.PROTECT, null=True, blank=True, verbose_name=_("team"))
    script_version = models.ForeignKey(ScriptVersion, models.PROTECT, verbose_name=_("script"))
    # Tried beside the first: every second customer hears it.
    second_script = models.ForeignKey(
        ScriptVersion,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="tried_in",
        verbose_name=_("second script, to compare"),
    )
    disposition_set = models.ForeignKey(
        DispositionSet, models.PROTECT, verbose_name=_("dispositions")
    )
    agents = models.ManyToManyField(User, verbose_name=_("agents"), related_name="campaigns")
    # The customer filter it was made from, as the list's URL writes it.
    audience = models.CharField(_("audience"), max_length=500, blank=True)
    # Hours in the customer's own time, minutes after midnight; the law's window still applies.
    opens_minute = models.PositiveSmallIntegerField(default=9 * 60)
    closes_minute = models.PositiveSmallIntegerField(default=20 * 60)
    dial_mode = models.CharField(
        _("dial mode"), max_length=12, choices=DialMode, default=DialMode.MANUAL
    )
    # How long an agent looks at the customer before the number is dialled by itself; 0 = until
    # the agent dials.
    preview_seconds = models.PositiveSmallIntegerField(_("seconds of preview"), default=30)
    # Of the calls people answer, at most so many per cent may find no agent within two seconds.
    abandon_percent = models.DecimalField(
        _("abandon limit, %"), max_digits=3, decimal_places=1, default=Decimal("2.5")
    )
    # The law counts abandoned calls over so many hours: 24 in the UK, 720 in the US.
    abandon_window_hours = models.PositiveSmallIntegerField(
        _("hours the limit is counted over"), default=24
    )
    # Of the calls taken for a machine's, so many per cent are a person's who heard nothing.
    machine_error_percent = models.DecimalField(
        _("people taken for machines, %"), max_digits=3, decimal_places=1, default=Decimal("2.0")
    )
    # With fewer agents at work than this, predictive dials as progressive does.
    small_team = models.PositiveSmallIntegerField(_("small team, agents"), default=5)
    # A promised call-back waits this long for the agent who promised, then the team keeps it.
    callback_minutes = models.PositiveSmallIntegerField(
        _("minutes a call-back waits for its agent"), default=5
    )
    ring_seconds = models.PositiveSmallIntegerField(_("seconds to ring"), default=30)
    most_attempts = models.PositiveSmallIntegerField(_("attempts per customer"), default=6)
    # No more attempts than this within one part of one day; see rules.DEFAULT_SLOTS.
    attempts_per_slot = models.PositiveSmallIntegerField(
        _("attempts per part of the day"), default=1
    )
    slots = ArrayField(models.PositiveSmallIntegerField(), default=default_slots)
    retry_minutes = models.JSONField(default=default_retry_minutes)  # outcome -> minutes
    # Of the customers an agent of several campaigns gets, this one's part beside the others'.
    weight = models.PositiveSmallIntegerField(_("weight"), default=5)
    # Which list's customers make what part of those called: [{"source": 3, "share": 60}, …];
    # empty = by priority alone.
    mix = models.JSONField(default=list, blank=True)
    target_attempts_per_agent_day = models.PositiveIntegerField(
        _("calls per agent and day"), default=150
    )
    target_conversions = models.PositiveIntegerField(_("conversions in all"), default=0)
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = CampaignQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="campaign_hours_in_order",
                condition=Q(opens_minute__lt=models.F("closes_minute"))
                & Q(closes_minute__lte=24 * 60),
            ),
            # Whatever a law allows, nobody drops more than 5 in a hundred, or lets a phone ring
            # less than the 15 seconds the UK and the US ask for.
            models.CheckConstraint(
                name="campaign_dials_within_reason",
                condition=Q(abandon_percent__gte=0, abandon_percent__lte=5)
                & Q(ring_seconds__range=(15, 60), most_attempts__range=(1, 50))
                & Q(attempts_per_slot__gte=1, weight__range=(1, 10), preview_seconds__lte=600)
                & Q(abandon_window_hours__range=(1, 720), machine_error_percent__lte=50),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def script_for(self, customer_id: int) -> ScriptVersion:
        """What this customer hears: with two scripts, always the same of them."""
        second = self.second_script
        return second if second and arm_of(self.pk, customer_id) else self.script_version

    @property
    def may_dial(self) -> bool:
        """Whether its customers may be called: it runs, or drains."""
        return self.state in MAY_DIAL


@pghistory.track()
class Pilot(models.Model):
    """A campaign's trial (H4): a random part of its customers is called, the others are held."""

    campaign = models.OneToOneField(Campaign, models.CASCADE)
    size = models.PositiveIntegerField(_("customers of the trial"))
    # Successes of a hundred answered calls: at `good` it pays to roll out, at `bad` it does not.
    good_percent = models.DecimalField(_("pays from, %"), max_digits=4, decimal_places=1)
    bad_percent = models.DecimalField(_("does not pay at, %"), max_digits=4, decimal_places=1)
    started_at = models.DateTimeField()
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    verdict = models.CharField(max_length=8, choices=PilotVerdict, default=PilotVerdict.WAIT)
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="pilot_bad_below_good",
                condition=Q(bad_percent__gte=0, good_percent__gt=models.F("bad_percent"))
                & Q(good_percent__lte=100, size__gte=10),
            ),
            models.CheckConstraint(
                name="pilot_decided_with_verdict",
                condition=Q(verdict="wait", decided_at=None)
                | (~Q(verdict="wait") & Q(decided_at__isnull=False)),
            ),
        ]

    def __str__(self) -> str:
        return f"pilot of {self.campaign_id}"


class TargetQuerySet(models.QuerySet["Target"]):
    def waiting(self, at: datetime) -> TargetQuerySet:
        """May be worked at `at`: not done, and not put off until later."""
        return self.filter(state=TargetState.WAITING).filter(
            Q(not_before=None) | Q(not_before__lte=at)
        )

    def ready(self) -> TargetQuerySet:
        """In the ready queue, best first: its order is that of the index `target_ready`."""
        return self.filter(state=TargetState.WAITING, not_before=None, agent=None).order_by(
            "-priority", "attempts", "id"
        )

    def visible_to(self, user: User) -> TargetQuerySet:
        return self.filter(campaign__in=Campaign.objects.visible_to(user))


class Target(models.Model):
    """One customer in one campaign, worked by one agent."""

    campaign = models.ForeignKey(Campaign, models.CASCADE)
    customer = models.ForeignKey(Customer, models.CASCADE)
    agent = models.ForeignKey(User, models.PROTECT, null=True, blank=True)  # None = in the pool
    state = models.CharField(max_length=8, choices=TargetState, default=TargetState.WAITING)
    priority = models.SmallIntegerField(default=0)  # higher first; CP by default
    attempts = models.PositiveSmallIntegerField(default=0)
    # The list its number came from, for the list mix; acquisition's source, by id.
    source_ref = models.BigIntegerField(null=True, blank=True)
    not_before = models.DateTimeField(null=True, blank=True)
    done_at = models.DateTimeField(null=True, blank=True)

    objects = TargetQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(name="target_once", fields=["campaign", "customer"])]
        indexes = [
            models.Index(
                name="target_queue",
                fields=["agent", "campaign", "-priority", "id"],
                condition=Q(state="waiting"),
            ),
            # The ready queue: who may be dialled now for whoever is free. Only the pool's ready
            # customers are in it, so its head is read whatever the size of the campaign; who is
            # put off, or leased, leaves it, and comes back when not_before is cleared.
            models.Index(
                name="target_ready",
                fields=["campaign", "-priority", "attempts", "id"],
                condition=Q(state="waiting", not_before=None, agent=None),
            ),
            models.Index(
                name="target_ready_by_list",
                fields=["campaign", "source_ref", "-priority", "attempts", "id"],
                condition=Q(state="waiting", not_before=None, agent=None),
            ),
            models.Index(
                name="target_put_off",
                fields=["not_before"],
                condition=Q(state="waiting", not_before__isnull=False),
            ),
            models.Index(name="target_by_customer", fields=["customer"]),
            # Progress is counted within this index: it holds all that the count needs.
            models.Index(name="target_progress", fields=["campaign", "state", "attempts"]),
        ]

    def __str__(self) -> str:
        return f"target #{self.pk}"
