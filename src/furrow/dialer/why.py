"""Why is nobody being dialled? What stands in the way, from the campaign to the line, counted."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, F, Min, Q
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from furrow.calls.models import Call
from furrow.campaigns.models import Campaign, Target
from furrow.campaigns.rules import CampaignState, DialMode, TargetState
from furrow.lines.models import CallerId
from furrow.lines.queries import next_line_at
from furrow.organisation.models import Presence
from furrow.organisation.rules import PresenceState, is_present
from furrow.permits.models import Denial
from furrow.permits.queries import may_call
from furrow.permits.rules import CHECK_NAMES

from .models import Lease, Session
from .queries import callable_number, is_silent, overspent, window_of

# The gate is asked about so many at the head of the queue: each costs some 10 milliseconds.
ASKED_AT_THE_HEAD = 25
LATELY = timedelta(minutes=10)


@dataclass(frozen=True)
class Step:
    """One filter of the funnel: how many customers are left after it."""

    name: str | Promise
    left: int
    out: int  # that this one filtered


@dataclass(frozen=True)
class Cause:
    """One thing that stands in the way. `is_all`: while it does, nobody at all is dialled."""

    text: str
    is_all: bool
    next_at: datetime | None = None


@dataclass(frozen=True)
class Why:
    """Everything between a campaign's customers and a ringing phone."""

    campaign: Campaign
    causes: tuple[Cause, ...]
    funnel: tuple[Step, ...]
    asked: int  # at the head of the queue
    allowed: int
    refused: tuple[tuple[str | Promise, int], ...]  # by the gate's check
    agents: tuple[tuple[str | Promise, int], ...]
    lines: tuple[tuple[str | Promise, int], ...]
    dialling: int
    held: int
    denied: tuple[tuple[str | Promise, int], ...]  # in the last ten minutes
    next_at: datetime | None


def why_nobody(campaign: Campaign, *, at: datetime) -> Why:
    """Count what stands in the way of a campaign's calls at `at`. Changes nothing.

    The funnel is exact, of one pass over the campaign's targets; the gate is asked about the head
    of the queue only, where the dialer would begin. About 0.5 s for a campaign of 100,000.
    """
    funnel = _funnel(campaign, at=at)
    ready = funnel[-1].left
    asked, allowed, refused, gate_at = _head(campaign, at=at)
    agents, takers, free = _agents(campaign, at=at)
    lines, line_at = _lines(campaign, at=at)
    put_off = Target.objects.filter(
        campaign=campaign, state=TargetState.WAITING, not_before__gt=at
    ).aggregate(first=Min("not_before"))["first"]
    calls = Call.objects.in_progress().filter(campaign=campaign).count()
    causes: list[Cause] = []
    if campaign.state != CampaignState.RUNNING:
        state = CampaignState(campaign.state)
        causes.append(
            Cause(_("The campaign is “%(state)s”: it takes nobody.") % {"state": state.label}, True)
        )
    if is_silent(at=at):
        causes.append(Cause(_("The dialer gives no sign of life. Is it running?"), True))
    if campaign.dial_mode == DialMode.MANUAL:
        causes.append(Cause(_("The campaign is dialled by hand: agents press the button."), False))
    elif not takers:
        causes.append(Cause(_("No agent of the campaign takes calls just now."), True))
    elif not free:
        causes.append(Cause(_("Every agent who takes calls is busy."), False))
    if not ready:
        text = _("Nobody is left in the queue.")
        if put_off:
            text = _("Nobody is left in the queue now; others were put off until later.")
        causes.append(Cause(text, True, put_off))
    if asked and not allowed:
        check, _most = refused[0]
        text = ngettext(
            "The gate refuses the next customer in the queue: %(check)s.",
            "The gate refuses all of the next %(asked)d in the queue, most by: %(check)s.",
            asked,
        ) % {"asked": asked, "check": check}
        causes.append(Cause(text, True, gate_at))
    if line_at is not None:
        causes.append(
            Cause(_("Every number we could call from is at its cap or rests."), True, line_at)
        )
    if overspent([campaign], at=at):
        text = _("It abandoned more than its limit, so it dials one line for each free agent.")
        causes.append(Cause(text, False))
    moments = [c.next_at for c in causes if c.next_at is not None]
    later = [moment for moment in (put_off, gate_at) if moment is not None]
    return Why(
        campaign=campaign,
        causes=tuple(causes),
        funnel=tuple(funnel),
        asked=asked,
        allowed=allowed,
        refused=tuple(refused),
        agents=tuple(agents),
        lines=tuple(lines),
        dialling=calls,
        held=Lease.objects.held().filter(campaign=campaign).count(),
        denied=_denied(campaign, at=at),
        next_at=min(moments or later, default=None),
    )


def _funnel(campaign: Campaign, *, at: datetime) -> list[Step]:
    waiting = Q(state=TargetState.WAITING)
    due = waiting & (Q(not_before=None) | Q(not_before__lte=at))
    tries = due & Q(attempts__lt=campaign.most_attempts)
    whose = tries & (Q(agent=None) | Q(customer__owner=F("agent")))
    counted = Target.objects.filter(campaign=campaign).aggregate(
        all=Count("id"),
        waiting=Count("id", filter=waiting),
        due=Count("id", filter=due),
        tries=Count("id", filter=tries),
        whose=Count("id", filter=whose),
    )
    names: tuple[tuple[str, str | Promise], ...] = (
        ("all", gettext_lazy("In the campaign")),
        ("waiting", gettext_lazy("Not done and not taken out")),
        ("due", gettext_lazy("Not put off until later")),
        ("tries", gettext_lazy("With attempts left")),
        ("whose", gettext_lazy("With the owner who may call, or in the pool")),
    )
    steps, before = [], counted["all"]
    for key, name in names:
        steps.append(Step(name, counted[key], before - counted[key]))
        before = counted[key]
    return steps


def _head(
    campaign: Campaign, *, at: datetime
) -> tuple[int, int, list[tuple[str | Promise, int]], datetime | None]:
    """What the gate would say to the first in the queue, and the first moment it says yes."""
    head = (
        Target.objects.waiting(at)
        .filter(campaign=campaign, attempts__lt=campaign.most_attempts)
        .select_related("customer__owner", "agent")
        .order_by("-priority", "attempts", "id")
    )
    window = window_of(campaign)
    asked = allowed = 0
    refused: Counter[str] = Counter()
    moments = []
    for target in head[:ASKED_AT_THE_HEAD]:
        asked += 1
        number = callable_number(target.customer, at=at)
        if number is None:
            refused["suppression"] += 1
            continue
        number.customer = target.customer
        agent = target.agent or target.customer.owner
        decision = may_call(number=number, agent=agent, campaign=window, at=at)
        refusal = decision.refusal
        if refusal is None or refusal.check == "line":
            allowed += 1
        else:
            refused[refusal.check] += 1
            if decision.changes_at is not None:
                moments.append(decision.changes_at)
    told = [(CHECK_NAMES[check], n) for check, n in refused.most_common()]
    return asked, allowed, told, None if allowed else min(moments, default=None)


def _agents(
    campaign: Campaign, *, at: datetime
) -> tuple[list[tuple[str | Promise, int]], int, int]:
    """The campaign's agents by state; how many take calls; how many of those are free."""
    people = list(campaign.agents.filter(is_active=True).values_list("pk", flat=True))
    takes = set(Session.objects.open().filter(agent__in=people).values_list("agent_id", flat=True))
    states: Counter[str] = Counter()
    free = 0
    for presence in Presence.objects.filter(user__in=people).order_by("pk"):
        if is_present(presence.state, seen_at=presence.seen_at, at=at):
            states[presence.state] += 1
            free += presence.state == PresenceState.READY and presence.user_id in takes
    states[PresenceState.OFFLINE] = len(people) - sum(states.values())
    told: list[tuple[str | Promise, int]] = [
        (state.label, states[state]) for state in PresenceState if states[state]
    ]
    told.append((gettext_lazy("Take calls by themselves"), len(takes)))
    return told, len(takes), free


def _lines(
    campaign: Campaign, *, at: datetime
) -> tuple[list[tuple[str | Promise, int]], datetime | None]:
    """Our numbers for this campaign by state; when one is free again, if none is now."""
    ours = CallerId.objects.filter(
        Q(pool__campaigns=None) | Q(pool__campaigns=campaign), pool__is_active=True, retired_at=None
    ).select_related("pool")
    pools = list({one.pool_id: one.pool for one in ours}.values())
    if not pools:
        return [(gettext_lazy("The company’s one number"), 1)], None
    free_at = next_line_at(pools, at=at)
    ready = sum(one.resting_until is None or one.resting_until <= at for one in ours)
    told: list[tuple[str | Promise, int]] = [
        (gettext_lazy("Ready"), ready),
        (gettext_lazy("Resting"), len(ours) - ready),
    ]
    return told, free_at if free_at is None or free_at > at else None


def _denied(campaign: Campaign, *, at: datetime) -> tuple[tuple[str | Promise, int], ...]:
    rows = (
        Denial.objects.filter(campaign_ref=campaign.pk, at__gt=at - LATELY, at__lte=at)
        .values_list("check_name")
        .order_by("check_name")
        .annotate(n=Count("id"))
    )
    counted = sorted(rows, key=lambda row: -row[1])
    return tuple((CHECK_NAMES.get(check, check), n) for check, n in counted)
