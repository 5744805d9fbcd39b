"""What the dialing loop asks."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Exists, OuterRef, Q

from furrow.calls.models import Call
from furrow.calls.rules import DIALS_BY_ITSELF, IN_PROGRESS, CallState, Outcome
from furrow.campaigns.models import Campaign
from furrow.campaigns.rules import DialMode, slot_of
from furrow.compliance.models import Suppression
from furrow.customers.models import Customer, Number
from furrow.followups.models import FollowUp
from furrow.followups.rules import Reason
from furrow.organisation.models import User
from furrow.organisation.rules import PresenceState
from furrow.permits.rules import CampaignWindow, Purpose
from furrow.pipeline.models import Standing
from furrow.pipeline.rules import Stage
from furrow.science.pacing import AgentState

from .models import Heartbeat, Lease, Session
from .rules import (
    DROP_SILENCE,
    EARLY,
    FEWEST_ANSWERS,
    FREE_BEFORE_PROMISE,
    LATEST_PROMISE,
    RING_SECONDS,
    SILENCE,
    TRY_PROMISE_AGAIN,
    abandoned_percent,
)

NAME = "dialer"


@dataclass(frozen=True)
class Dial:
    """One line to open. `e164` goes to the switch and nowhere else.

    seat  the agent's own line that stands already; None = one is raised for this call
    caller_id  the number of ours that calls; "" = the company's one number
    """

    call_id: int
    e164: str
    agent: str  # username, by which the switch knows the agent's phone; "" = whoever is free
    campaign_id: int | None = None
    is_taken_when_answered: bool = False
    seat: str | None = None
    ring_seconds: float = RING_SECONDS
    caller_id: str = ""


def window_of(campaign: Campaign) -> CampaignWindow:
    """What the gate needs to know of a campaign."""
    return CampaignWindow(
        opens_minute=campaign.opens_minute,
        closes_minute=campaign.closes_minute,
        is_running=campaign.may_dial,
        name=campaign.name,
        stage=campaign.stage,
    )


def callable_number(customer: Customer, *, at: datetime) -> Number | None:
    """The first number nobody forbids: the primary one, else the oldest. None when all are."""
    forbidden = Suppression.objects.standing(at).values("e164")
    allowed = customer.numbers.exclude(e164__in=forbidden)
    return allowed.order_by("-is_primary", "id").first()


def dropped_until(number: Number, *, at: datetime) -> datetime | None:
    """Until when a number may not be risked again, because it was rung lately and met nobody."""
    dropped = Call.objects.filter(
        number=number, outcome=Outcome.ABANDONED, ended_at__gt=at - DROP_SILENCE
    )
    last_at = dropped.order_by("-queued_at").values_list("ended_at", flat=True).first()
    return last_at + DROP_SILENCE if last_at else None


def attempts_in_slot(call: Call, *, slots: Sequence[int], local: datetime) -> int:
    """Dials to this customer in this campaign on the same day, in the same part of it.

    local  when this call was dialled, in the customer's time zone
    """
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    here = slot_of(local.hour * 60 + local.minute, slots)
    dialled = Call.objects.filter(
        customer=call.customer_id, campaign=call.campaign_id,
        queued_at__gte=midnight, queued_at__lt=midnight + timedelta(days=1),
    ).order_by("pk")  # fmt: skip
    moments = [at.astimezone(local.tzinfo) for at in dialled.values_list("queued_at", flat=True)]
    return sum(slot_of(at.hour * 60 + at.minute, slots) == here for at in moments)


# -- who is there ---------------------------------------------------------------------------------


def kept_agents() -> dict[int, int]:
    """Agent -> lease, for those kept free for a customer who is shown, dialled or ringing."""
    leases = Lease.objects.filter(agent__isnull=False, released_at=None).filter(
        Q(call=None) | Q(call__state__in=IN_PROGRESS)
    )
    return {agent_id: pk for agent_id, pk in leases.values_list("agent_id", "pk") if agent_id}


def _busy(agent: str) -> Exists:
    """Somebody on a call, or who owes its result."""
    calls = Call.objects.filter(agent=OuterRef(agent))
    owing = Q(state=CallState.ENDED, wrapped_at=None)
    return Exists(calls.filter(Q(state__in=IN_PROGRESS) | owing))


def free_agents(*, campaign_id: int, kept: int | None, at: datetime) -> list[Session]:
    """Who may be given a call of this campaign now: the one kept for it, then the longest ready.

    kept  the agent kept free for this very call, None when nobody is
    """
    others = {agent for agent in kept_agents() if agent != kept}
    sessions = (
        Session.objects.open()
        .filter(
            line_up_at__isnull=False,
            agent__campaigns=campaign_id,
            agent__is_active=True,
            agent__presence__state=PresenceState.READY,
        )
        .exclude(agent__in=others)
        .exclude(_busy("agent"))
        .select_related("agent")
        .order_by("agent__presence__since", "pk")
    )
    promised = {f.assigned_to_id for f in promises_due(by=at + FREE_BEFORE_PROMISE, at=at)}
    free = [s for s in sessions if s.agent_id == kept or s.agent_id not in promised]
    return sorted(free, key=lambda session: session.agent_id != kept)[:20]


@dataclass(frozen=True)
class Seat:
    """One agent who lets calls come, as the pacing sees it."""

    session_id: int
    agent_id: int
    username: str
    team_id: int | None
    leg: str
    line_asked_at: datetime | None
    is_up: bool
    state: AgentState  # "ready", "talking", "wrapup" or "away"
    is_kept: bool  # for a customer who is shown, dialled or ringing
    has_promise: bool  # due within seconds
    campaigns: frozenset[int]
    since: datetime

    @property
    def is_free(self) -> bool:
        """May be kept for the next customer."""
        return self.is_up and self.state == "ready" and not self.is_kept and not self.has_promise


_PACING: Mapping[str, AgentState] = {
    PresenceState.READY: "ready",
    PresenceState.CALLING: "talking",
    PresenceState.TALKING: "talking",
    PresenceState.WRAPUP: "wrapup",
}


def seats(*, at: datetime) -> list[Seat]:
    """Everybody who lets calls come, the longest ready first. Five small queries."""
    sessions = list(
        Session.objects.open()
        .select_related("agent__presence")
        .order_by("agent__presence__since", "pk")
    )
    agents = [session.agent_id for session in sessions]
    kept = kept_agents()
    on = Call.objects.in_progress().filter(agent__in=agents)
    talking = set(on.order_by().values_list("agent_id", flat=True))
    owing = set(
        Call.objects.unwrapped()
        .filter(agent__in=agents)
        .order_by()
        .values_list("agent_id", flat=True)
    )
    promised = {f.assigned_to_id for f in promises_due(by=at + FREE_BEFORE_PROMISE, at=at)}
    member: dict[int, set[int]] = {agent: set() for agent in agents}
    through = Campaign.agents.through.objects.filter(user__in=agents)
    for agent_id, campaign_id in through.order_by().values_list("user_id", "campaign_id"):
        member[agent_id].add(campaign_id)

    def state_of(session: Session) -> AgentState:
        if session.agent_id in talking:
            return "talking"
        if session.agent_id in owing:
            return "wrapup"
        state = _PACING.get(session.agent.presence.state, "away")
        return state if state != "ready" or session.line_up_at else "away"

    return [
        Seat(
            session_id=session.pk,
            agent_id=session.agent_id,
            username=session.agent.username,
            team_id=session.agent.team_id,
            leg=session.leg,
            line_asked_at=session.line_asked_at,
            is_up=session.line_up_at is not None,
            state=state_of(session),
            is_kept=session.agent_id in kept,
            has_promise=session.agent_id in promised,
            campaigns=frozenset(member[session.agent_id]),
            since=session.agent.presence.since,
        )
        for session in sessions
    ]


def promises_due(*, by: datetime, at: datetime) -> list[FollowUp]:
    """Promised call-backs due by an instant whose minute has not long passed, the oldest first."""
    due = FollowUp.objects.open().filter(
        reason=Reason.PROMISE, due_at__lte=by, due_at__gt=at - LATEST_PROMISE
    )
    return list(due.select_related("customer", "assigned_to").order_by("due_at", "pk")[:200])


def promises_to_keep(*, at: datetime) -> list[FollowUp]:
    """Promised call-backs to dial now: due, and nobody has just tried."""
    tried = Lease.objects.filter(taken_at__gt=at - TRY_PROMISE_AGAIN, followup__isnull=False)
    lately = set(tried.order_by().values_list("followup_id", flat=True))
    return [due for due in promises_due(by=at, at=at) if due.pk not in lately]


def campaign_of_promise(followup: FollowUp, *, agents: Collection[int]) -> Campaign | None:
    """In which campaign a promised call-back is made: the customer's, else one of the agents'."""
    running = Campaign.objects.running().filter(agents__in=[*agents, followup.assigned_to_id])
    its = running.filter(target__customer=followup.customer_id)
    return its.order_by("pk").first() or running.order_by("pk").first()


def dialled_campaigns() -> list[Campaign]:
    """The campaigns that take customers by themselves now, by id."""
    running = Campaign.objects.running().exclude(dial_mode=DialMode.MANUAL)
    return list(running.order_by("pk"))


def leases_due(*, at: datetime) -> list[int]:
    """Leases to dial now, the oldest first: agents have seen enough, or their preview is over."""
    return list(Lease.objects.due(at).values_list("pk", flat=True)[:200])


def busy_campaigns() -> frozenset[int]:
    """Campaigns that hold a lease or have a call in progress."""
    held = Lease.objects.held().order_by().values_list("campaign_id", flat=True)
    on = Call.objects.in_progress().filter(campaign__isnull=False).order_by()
    return frozenset(held) | frozenset(pk for pk in on.values_list("campaign_id", flat=True) if pk)


def lease_of(agent: User) -> Lease | None:
    """The customer this agent is kept free for: shown, dialled or ringing. None if none."""
    lease_id = kept_agents().get(agent.pk)
    if lease_id is None:
        return None
    return (
        Lease.objects.filter(pk=lease_id)
        .select_related(
            "campaign__script_version__script", "campaign__disposition_set", "call__number",
            "target__customer__owner", "followup__customer__owner",
        )
        .first()
    )  # fmt: skip


def session_for(agent: User) -> Session | None:
    return Session.objects.open().filter(agent=agent).first()


# -- what came of it ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Abandonment:
    """What the law asks about one campaign, over its window."""

    answered: int  # connected to an agent
    abandoned: int  # answered, and met nobody
    machines: int
    percent: float  # with the estimate of people taken for machines


def abandonment_of(campaign: Campaign, *, at: datetime) -> Abandonment:
    """Answers of the calls the dialer made by itself, over the campaign's window."""
    since = at - timedelta(hours=campaign.abandon_window_hours)
    row = Call.objects.filter(
        campaign=campaign, queued_at__gt=since, mode__in=DIALS_BY_ITSELF
    ).aggregate(
        answered=Count("pk", filter=Q(outcome=Outcome.ANSWERED) | Q(state=CallState.TALKING)),
        abandoned=Count("pk", filter=Q(outcome=Outcome.ABANDONED)),
        machines=Count("pk", filter=Q(outcome=Outcome.MACHINE)),
    )
    percent = abandoned_percent(**row, machine_error_percent=float(campaign.machine_error_percent))
    return Abandonment(**row, percent=percent)


def overspent(campaigns: Sequence[Campaign], *, at: datetime) -> frozenset[int]:
    """Of these, the predictive ones that have abandoned more than their limit over their window.

    A handful of answers proves nothing: 20 come first.
    """
    over = set()
    for campaign in campaigns:
        if campaign.dial_mode == DialMode.PREDICTIVE:
            so_far = abandonment_of(campaign, at=at)
            few = so_far.answered + so_far.abandoned < FEWEST_ANSWERS
            if not few and so_far.percent > float(campaign.abandon_percent):
                over.add(campaign.pk)
    return frozenset(over)


@dataclass(frozen=True)
class Line:
    """A call on a line, as the loop remembers it."""

    call_id: int
    campaign_id: int | None
    seat: str | None  # the agent's standing line it was, or is to be, joined with
    agent_id: int | None
    is_taken_when_answered: bool
    is_waiting: bool = False  # answered, and no agent yet


def lines_on() -> list[Line]:
    """What a dialer that has just begun must know of the calls that are on."""
    open_ = {s.agent_id: s.leg for s in Session.objects.open() if s.line_up_at}
    calls = Call.objects.in_progress().exclude(state=CallState.QUEUED).order_by("pk")
    return [
        Line(
            call_id=call.pk,
            campaign_id=call.campaign_id,
            seat=open_.get(call.agent_id) if call.agent_id else None,
            agent_id=call.agent_id,
            is_taken_when_answered=call.mode in DIALS_BY_ITSELF and call.agent_id is None,
            is_waiting=call.state == CallState.WAITING,
        )
        for call in calls
    ]


def proved(claimed: Purpose, *, customer_id: int, at: datetime) -> Purpose:
    """The purpose of a call as far as it can be proved; whoever only says so is selling.

    A call-back was promised, and is due; service is for those in retention, who bought. Both
    pass the silence after a refusal (E1), so a word alone must not be enough.
    """
    match claimed:
        case Purpose.CALLBACK:
            due = FollowUp.objects.due(at + EARLY)
            holds = due.filter(customer=customer_id, reason=Reason.PROMISE).exists()
        case Purpose.SERVICE:
            holds = Standing.objects.filter(pk=customer_id, stage=Stage.RETENTION).exists()
        case _:
            holds = True
    return claimed if holds else Purpose.SALES


def hang_ups_asked() -> list[int]:
    """Calls on a line that somebody wants ended."""
    calls = Call.objects.in_progress().exclude(state=CallState.QUEUED)
    return list(
        calls.filter(hangup_asked_at__isnull=False).order_by("pk").values_list("pk", flat=True)
    )


def calls_on_a_line() -> frozenset[int]:
    """Calls that were handed to the switch and have not ended, as we know it."""
    calls = Call.objects.in_progress().exclude(state=CallState.QUEUED)
    return frozenset(calls.order_by("pk").values_list("pk", flat=True))


def is_silent(*, at: datetime) -> bool:
    """Whether no dialer has given a sign of life lately."""
    return not Heartbeat.objects.filter(name=NAME, beat_at__gte=at - SILENCE).exists()


def last_beat_at() -> datetime | None:
    """The dialer's last sign of life, for health checks and metrics."""
    return Heartbeat.objects.filter(name=NAME).values_list("beat_at", flat=True).first()
