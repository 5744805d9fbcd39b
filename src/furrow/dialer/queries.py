"""What the dialing loop asks."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Exists, F, OuterRef, Q

from furrow.calls.models import Call
from furrow.calls.rules import DIALS_BY_ITSELF, IN_PROGRESS, CallState, Outcome
from furrow.campaigns.models import Campaign
from furrow.campaigns.rules import DialMode, slot_of
from furrow.compliance.models import Suppression
from furrow.customers.models import Customer, Number
from furrow.followups.models import FollowUp
from furrow.followups.rules import CALLS_BACK
from furrow.organisation.models import Presence, User
from furrow.organisation.rules import PRESENCE_SILENCE, Act, PresenceState, Scope, is_present
from furrow.permits.rules import CampaignWindow, Purpose
from furrow.phones.models import Account
from furrow.phones.rules import AccountState
from furrow.pipeline.models import Standing
from furrow.pipeline.rules import Stage
from furrow.science.pacing import AgentState

from .models import Heartbeat, Lease, Line, Party, Session, Talk
from .rules import (
    DROP_SILENCE,
    EARLY,
    FEWEST_ANSWERS,
    FREE_BEFORE_PROMISE,
    LATEST_PROMISE,
    RING_SECONDS,
    SILENCE,
    TRY_PROMISE_AGAIN,
    Place,
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


def _busy(agent: str) -> Q:
    """Somebody on a call, or who owes its result, or is asked to another's."""
    calls = Call.objects.filter(agent=OuterRef(agent))
    owing = Q(state=CallState.ENDED, wrapped_at=None)
    in_a_call = Party.objects.live().filter(user=OuterRef(agent))
    return Exists(calls.filter(Q(state__in=IN_PROGRESS) | owing)) | Exists(in_a_call)


def free_agents(*, campaign_id: int, kept: int | None, at: datetime) -> list[Session]:
    """Who may be given a call of this campaign now: the one kept for it, then the longest ready.

    kept  the agent kept free for this very call, None when nobody is
    """
    others = {agent for agent in kept_agents() if agent != kept}
    sessions = (
        Session.objects.open()
        .filter(
            agent__line__up_at__isnull=False,
            agent__campaigns=campaign_id,
            agent__is_active=True,
            agent__presence__state=PresenceState.READY,
        )
        .exclude(agent__in=others)
        .exclude(_busy("agent"))
        .select_related("agent__line")
        .order_by("agent__presence__since", "pk")
    )
    promised = {f.assigned_to_id for f in promises_due(by=at + FREE_BEFORE_PROMISE, at=at)}
    free = [s for s in sessions if s.agent_id == kept or s.agent_id not in promised]
    return sorted(free, key=lambda session: session.agent_id != kept)[:20]


def free_to_be_called(*, team_id: int, owner_id: int | None, at: datetime) -> list[int]:
    """Who may be given a caller now, the longest ready first: the team's agents, and the owner.

    Ready at the desk, on no call, owing no result, kept for nobody the dialer shows or dials, and
    with no promise due; whoever lets calls come has to have their line standing.
    """
    promised = {f.assigned_to_id for f in promises_due(by=at + FREE_BEFORE_PROMISE, at=at)}
    lineless = Session.objects.open().filter(agent__line__up_at=None).values("agent")
    free = (
        User.objects.agents()
        .filter(
            Q(team=team_id) | Q(pk=owner_id),
            presence__state=PresenceState.READY,
            presence__seen_at__gt=at - PRESENCE_SILENCE,
        )
        .exclude(pk__in=promised | kept_agents().keys())
        .exclude(pk__in=lineless)
        .exclude(_busy("pk"))
        .order_by("presence__since", "pk")
    )
    return list(free.values_list("pk", flat=True)[:20])


@dataclass(frozen=True)
class Seat:
    """One agent who lets calls come, as the pacing sees it."""

    session_id: int
    agent_id: int
    username: str
    team_id: int | None
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
    """Everybody who lets calls come, the longest ready first. Six small queries."""
    sessions = list(
        Session.objects.open()
        .select_related("agent__presence", "agent__line")
        .order_by("agent__presence__since", "pk")
    )
    agents = [session.agent_id for session in sessions]
    kept = kept_agents()
    on = Call.objects.in_progress().filter(agent__in=agents)
    talking = set(on.order_by().values_list("agent_id", flat=True))
    in_calls = Party.objects.live().filter(user__in=agents).order_by()
    talking |= set(in_calls.values_list("user_id", flat=True))
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
        return state if state != "ready" or is_heard(session) else "away"

    return [
        Seat(
            session_id=session.pk,
            agent_id=session.agent_id,
            username=session.agent.username,
            team_id=session.agent.team_id,
            is_up=is_heard(session),
            state=state_of(session),
            is_kept=session.agent_id in kept,
            has_promise=session.agent_id in promised,
            campaigns=frozenset(member[session.agent_id]),
            since=session.agent.presence.since,
        )
        for session in sessions
    ]


def is_heard(session: Session) -> bool:
    """Whether the own line of somebody who takes calls stands."""
    line: Line | None = getattr(session.agent, "line", None)
    return line is not None and line.up_at is not None


@dataclass(frozen=True)
class WantedLine:
    """An agent whose own line shall stand, and whether it does."""

    agent_id: int
    username: str
    is_up: bool
    asked_at: datetime | None


def lines_wanted(*, at: datetime) -> list[WantedLine]:
    """Whose lines shall stand: whoever has a phone open, takes calls, or talks by it just now, so
    that no line is taken away under a call."""
    phones = Account.objects.filter(agent=OuterRef("pk"), state=AccountState.GIVEN, until__gt=at)
    takes_calls = Session.objects.open().filter(agent=OuterRef("pk"))
    on = Call.objects.in_progress().filter(agent=OuterRef("pk"))
    in_a_call = Party.objects.live().filter(user=OuterRef("pk"))
    talks = Q(line__up_at__isnull=False) & (Exists(on) | Exists(in_a_call))
    people = (
        User.objects.working()
        .filter(Q(Exists(takes_calls)) | Q(Exists(phones)) | talks)
        .select_related("line")
        .order_by("pk")
    )
    lines = {person.pk: getattr(person, "line", None) for person in people}
    return [
        WantedLine(
            agent_id=person.pk,
            username=person.username,
            is_up=line is not None and line.up_at is not None,
            asked_at=line.asked_at if line is not None else None,
        )
        for person in people
        for line in [lines[person.pk]]
    ]


def standing_line(*, agent_id: int) -> str | None:
    line = Line.objects.filter(agent=agent_id, up_at__isnull=False).first()
    return line.leg if line is not None else None


def usable_line(agent: User | None, *, at: datetime) -> str | None:
    """The leg of an agent's own line, if it stands or is just being rung."""
    line = Line.objects.filter(agent=agent).first() if agent is not None else None
    return line.leg if line is not None and line.is_usable(at) else None


def promises_due(*, by: datetime, at: datetime) -> list[FollowUp]:
    """Promised call-backs due by an instant whose minute has not long passed, the oldest first."""
    due = FollowUp.objects.open().filter(
        reason__in=CALLS_BACK, due_at__lte=by, due_at__gt=at - LATEST_PROMISE
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
class OnLine:
    """A call on a line, as the loop remembers it."""

    call_id: int
    campaign_id: int | None
    seat: str | None  # the agent's standing line it was, or is to be, joined with
    agent_id: int | None
    is_taken_when_answered: bool
    is_waiting: bool = False  # answered, and no agent yet
    is_muted: bool = False
    is_inbound: bool = False
    is_talking: bool = False


def lines_on() -> list[OnLine]:
    """What a dialer that has just begun must know of the calls that are on."""
    up = {line.agent_id: line.leg for line in Line.objects.filter(up_at__isnull=False)}
    took = Party.objects.live().filter(place=Place.TAKE_OVER).exclude(leg="")
    taken = {party.call_id: party.leg for party in took.order_by("pk")}
    silent = Talk.objects.filter(is_muted=True, call__in=Call.objects.in_progress())
    muted = set(silent.values_list("pk", flat=True))
    calls = Call.objects.in_progress().exclude(state=CallState.QUEUED).order_by("pk")
    return [
        OnLine(
            call_id=call.pk,
            campaign_id=call.campaign_id,
            seat=taken.get(call.pk) or (up.get(call.agent_id) if call.agent_id else None),
            agent_id=call.agent_id,
            is_taken_when_answered=call.mode in DIALS_BY_ITSELF and call.agent_id is None,
            is_waiting=call.state == CallState.WAITING and not call.is_inbound,
            is_muted=call.pk in muted,
            is_inbound=call.is_inbound,
            is_talking=call.state == CallState.TALKING,
        )
        for call in calls
    ]


def proved(claimed: Purpose, *, customer_id: int, at: datetime) -> Purpose:
    """The purpose of a call as far as it can be proved; whoever only says so is selling.

    A call-back was promised in a call, and is due; service is for those in retention, who
    bought. Both pass the silence after a refusal (E1), so a word alone must not be enough.
    """
    match claimed:
        case Purpose.CALLBACK:
            due = FollowUp.objects.due(at + EARLY)
            due = due.filter(reason__in=CALLS_BACK, after_call__isnull=False)
            holds = due.filter(customer=customer_id).exists()
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


# -- who else is in a call ------------------------------------------------------------------------


@dataclass(frozen=True)
class DueTalk:
    """What the lines of a call shall do, and do not yet; None = nothing new."""

    call_id: int
    hold: bool | None
    mute: bool | None
    tones: str


@dataclass(frozen=True)
class DueParty:
    """Somebody who is to come into a call, do something else there, or go.

    leg       the line they are on, "" = none
    standing  their own standing line, None = one has to be rung
    e164      somebody outside; goes to the switch and nowhere else
    is_over   the call they were in has ended for us
    """

    party_id: int
    call_id: int
    wanted: Place
    place: str
    leg: str
    is_up: bool
    is_supervisor: bool
    username: str
    e164: str
    standing: str | None
    is_over: bool


def parties_due() -> list[DueParty]:
    """Those who are not where they are wanted, in the order they were asked."""
    over = Q(call__state=CallState.ENDED) & ~Q(place=Place.TAKE_OVER, number__isnull=False)
    rows = (
        Party.objects.live()
        .filter(Q(accepted_at__isnull=False) & ~Q(place=F("wanted")) | Q(wanted=Place.GONE) | over)
        .select_related("call", "user", "number")
        .order_by("pk")
    )
    parties = list(rows)
    users = [party.user_id for party in parties if party.user_id]
    up = Line.objects.filter(agent__in=users, up_at__isnull=False)
    standing = {line.agent_id: line.leg for line in up}
    return [
        DueParty(
            party_id=party.pk,
            call_id=party.call_id,
            wanted=Place(party.wanted) if not _is_over(party) else Place.GONE,
            place=party.place,
            leg=party.leg,
            is_up=party.up_at is not None,
            is_supervisor=party.is_supervisor,
            username=party.user.username if party.user else "",
            e164=party.number.e164 if party.number else "",
            standing=standing.get(party.user_id) if party.user_id else None,
            is_over=not party.call.is_in_progress,
        )
        for party in parties
    ]


def _is_over(party: Party) -> bool:
    is_handed_out = party.place == Place.TAKE_OVER and party.number_id is not None
    return not party.call.is_in_progress and not is_handed_out


@dataclass(frozen=True)
class Beside:
    """Somebody who is joined with the agent's line, and by which of theirs."""

    leg: str
    place: Place
    is_supervisor: bool


@dataclass(frozen=True)
class Joined:
    """What a line must do that an agent's talk goes on by."""

    is_held: bool  # the customer hears music, and not the agent
    is_muted: bool
    beside: Sequence[Beside]


def joined(*, call_id: int) -> Joined:
    """How the lines of a call are joined, or wanted to be: rather unheard than overheard."""
    talk = Talk.objects.filter(pk=call_id).first() or Talk(pk=call_id)
    there = Party.objects.live().filter(call=call_id, place=F("wanted")).exclude(leg="")
    return Joined(
        is_held=talk.is_held or talk.wants_hold,
        is_muted=talk.is_muted or talk.wants_mute,
        beside=[
            Beside(party.leg, Place(party.place), party.is_supervisor)
            for party in there.exclude(place=Place.TAKE_OVER).order_by("pk")
        ],
    )


def party_legs() -> frozenset[str]:
    """The lines that were rung for somebody in a call, and may stand."""
    legs = Party.objects.live().exclude(leg="").order_by()
    return frozenset(legs.values_list("leg", flat=True))


def handed_out() -> frozenset[int]:
    """Calls that were handed to somebody outside and go on without us."""
    out = Party.objects.live().filter(place=Place.TAKE_OVER, number__isnull=False).order_by()
    return frozenset(out.values_list("call_id", flat=True))


def is_free_to_help(user: User) -> bool:
    """Whether a colleague can be asked into somebody's call now: ready, and kept for nobody."""
    ready = User.objects.agents().filter(pk=user.pk, presence__state=PresenceState.READY)
    return user.pk not in kept_agents() and ready.exclude(_busy("pk")).exists()


@dataclass(frozen=True)
class Colleague:
    """Somebody a call may be handed to."""

    user: User
    state: str  # PresenceState
    is_free: bool

    @property
    def label(self) -> str:
        return str(PresenceState(self.state).label)


def colleagues(*, besides: User, named: str = "", at: datetime) -> list[Colleague]:
    """The people at work beside one, those who are free first, then by team and name."""
    people = (
        User.objects.agents()
        .exclude(pk=besides.pk)
        .filter(Q(display_name__icontains=named) | Q(username__icontains=named))
        .select_related("team", "presence")
        .order_by("team__name", "display_name", "pk")
    )
    kept, busy = kept_agents(), set(people.filter(_busy("pk")).values_list("pk", flat=True))
    found = []
    for person in people:
        presence: Presence | None = getattr(person, "presence", None)
        if presence is None or not is_present(presence.state, seen_at=presence.seen_at, at=at):
            continue
        is_free = presence.state == PresenceState.READY and person.pk not in (kept.keys() | busy)
        found.append(Colleague(person, presence.state, is_free))
    return sorted(found, key=lambda one: not one.is_free)


def reaches(by: User, agent: User, act: Act) -> bool:
    """Whether somebody's right to `act` reaches this agent's calls: it never does one's own."""
    if by == agent:
        return False
    match by.scope(act):
        case Scope.ALL:
            return True
        case Scope.SUBTREE | Scope.TEAM:
            return agent.team_id in by.teams(act)
        case _:
            return False


def parties_of(call: Call) -> list[Party]:
    """Everybody in a call or asked to it, in the order they were asked."""
    live = Party.objects.live().filter(call=call).select_related("user", "number", "asked_by")
    return list(live.order_by("pk"))


def party_of_user(user: User) -> Party | None:
    """The other's call somebody is asked to, helps with, or supervises."""
    live = Party.objects.live().exclude(wanted=Place.GONE).filter(user=user)
    others = live.exclude(place=Place.TAKE_OVER)  # who took a call over has it as their own
    return others.select_related(
        "call__customer", "call__agent", "call__number", "asked_by"
    ).first()


def tied_customers(user: User) -> list[int]:
    """Ids of the customers in whose calls `user` helps now."""
    return list(
        Party.objects.helping().filter(user=user).values_list("call__customer_id", flat=True)
    )
