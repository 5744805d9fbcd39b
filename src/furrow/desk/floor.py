"""What the floor shows: a seat per agent, the wallboard's figures, and what of them changed."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Count, Q
from django.utils import timezone

from furrow.calls.models import Call
from furrow.calls.rules import CallState, Outcome
from furrow.campaigns.models import Campaign
from furrow.campaigns.rules import DialMode, Effect
from furrow.dialer.queries import abandonment_of
from furrow.organisation.models import Presence, Team, User, UserQuerySet
from furrow.organisation.rules import Act, PresenceState, Scope, is_present

from .rules import AwayReason


@dataclass(frozen=True)
class Seat:
    """One agent on the floor."""

    agent: User
    state: str  # PresenceState, or "ringing" while a call of theirs rings
    since: datetime | None
    label: str  # translated
    code: str  # the label's key in `labels`
    customer_id: int | None
    customer_name: str
    campaign: str
    attempts: int
    answered: int
    sold: int

    @property
    def is_here(self) -> bool:
        return self.state != PresenceState.OFFLINE


@dataclass
class TeamFloor:
    team: Team | None
    seats: list[Seat] = field(default_factory=list)

    @property
    def here(self) -> list[Seat]:
        return [seat for seat in self.seats if seat.is_here]

    @property
    def away(self) -> list[Seat]:
        return [seat for seat in self.seats if not seat.is_here]


@dataclass(frozen=True)
class Figures:
    """The wallboard's numbers. occupancy: of those at work, how many talk or wrap up, now."""

    talking: int
    ringing: int
    waiting: int  # answered, and no agent yet
    ready: int
    wrapup: int
    away: int
    occupancy_percent: int
    attempts: int
    answered: int
    sold: int

    @property
    def contact_percent(self) -> int:
        return round(100 * self.answered / self.attempts) if self.attempts else 0


@dataclass(frozen=True)
class Budget:
    """What one campaign abandoned of the calls people answered, over its window, in per cent."""

    campaign_id: int
    name: str
    percent: float
    limit: float

    @property
    def is_over(self) -> bool:
        return self.percent > self.limit


@dataclass(frozen=True)
class Floor:
    teams: list[TeamFloor]
    figures: Figures


Tallies = Mapping[int, Mapping[str, Any]]
FloorOf = frozenset[int] | None  # whose floor: teams by id, None = the company
SLOWLY = timedelta(seconds=10)


def floor_of(*, user: User, at: datetime) -> Floor:
    """The floor as `user` may see it at `at`; agents by team, those at work first.

    Cost: agents, calls in progress, and one grouped count over today's calls.
    """
    people = list(agents_for(user).select_related("team").order_by("team_id", "display_name"))
    seats = seats_of(people, tallies=tallies_of(people, at=at), at=at)
    teams: dict[int | None, TeamFloor] = {}
    for seat in seats:
        teams.setdefault(seat.agent.team_id, TeamFloor(seat.agent.team)).seats.append(seat)
    return Floor(teams=list(teams.values()), figures=figures_of(seats, at=at))


def agents_for(user: User, act: Act = Act.WATCH_FLOOR) -> UserQuerySet:
    """The agents whom somebody's right to `act` reaches."""
    agents = User.objects.agents()
    match user.scope(act):
        case Scope.ALL:
            return agents
        case Scope.SUBTREE | Scope.TEAM:
            return agents.filter(team__in=user.teams(act))
        case _:
            return agents.none()


def tallies_of(people: Sequence[User], *, at: datetime) -> Tallies:
    """Each agent's calls of today: one grouped count."""
    midnight = timezone.localtime(at).replace(hour=0, minute=0, second=0, microsecond=0)
    return {
        row["agent_id"]: dict(row.items())
        for row in Call.objects.filter(
            agent__in=people, is_inbound=False, queued_at__gte=midnight, queued_at__lt=at
        )
        .values("agent_id")
        .order_by("agent_id")
        .annotate(
            attempts=Count("id"),
            answered=Count("id", filter=Q(outcome=Outcome.ANSWERED)),
            sold=Count("id", filter=Q(disposition__effect=Effect.SOLD)),
        )
    }


def seats_of(people: Sequence[User], *, tallies: Tallies, at: datetime) -> list[Seat]:
    """The agents as they sit now, in the order given. Two queries."""
    presences = {p.user_id: p for p in Presence.objects.filter(user__in=people)}
    live = {
        call.agent_id: call
        for call in Call.objects.in_progress()
        .filter(agent__in=people)
        .select_related("customer", "campaign")
        .order_by("id")
    }
    return [
        _seat(agent, presences.get(agent.pk), live.get(agent.pk), tallies.get(agent.pk, {}), at)
        for agent in people
    ]


def figures_of(seats: Sequence[Seat], *, at: datetime) -> Figures:
    """The wallboard's figures over these seats. Three queries, none of them about history."""
    count = Counter(seat.state for seat in seats)
    mine = [seat.agent.pk for seat in seats]
    campaigns = (
        Campaign.objects.running().filter(agents__in=mine).exclude(dial_mode=DialMode.MANUAL)
    )
    on = (
        Call.objects.in_progress()
        .filter(agent=None, campaign__in=campaigns)
        .aggregate(
            waiting=Count("id", filter=Q(state=CallState.WAITING)),
            lines=Count("id", filter=~Q(state=CallState.WAITING)),
        )
    )
    busy = count["talking"] + count["wrapup"]
    there = busy + count["ringing"] + count["calling"] + count["ready"]
    return Figures(
        talking=count["talking"],
        ringing=count["ringing"] + count["calling"] + on["lines"],
        waiting=on["waiting"],
        ready=count["ready"],
        wrapup=count["wrapup"],
        away=count["away"],
        occupancy_percent=round(100 * busy / there) if there else 0,
        attempts=sum(seat.attempts for seat in seats),
        answered=sum(seat.answered for seat in seats),
        sold=sum(seat.sold for seat in seats),
    )


def budgets_of(people: Sequence[User], *, at: datetime) -> list[Budget]:
    """What the campaigns that dial by themselves have abandoned, beside their limits."""
    campaigns = (
        Campaign.objects.running()
        .filter(agents__in=people)
        .exclude(dial_mode__in=[DialMode.MANUAL, DialMode.PREVIEW])
        .distinct()
        .order_by("name")
    )
    return [
        Budget(
            campaign_id=campaign.pk,
            name=campaign.name,
            percent=round(abandonment_of(campaign, at=at).percent, 1),
            limit=float(campaign.abandon_percent),
        )
        for campaign in campaigns[:12]
    ]


class FloorWatch:
    """Looks at the floor again and again, for the wallboard; what changes slowly is kept a while.

    Seats and their states are read at each look; who works here, today's counts and what was
    abandoned, every `SLOWLY`. One thread at a time.
    """

    def __init__(self) -> None:
        self._read_at: datetime | None = None
        self._people: list[User] = []
        self._tallies: Tallies = {}
        self._budgets: dict[FloorOf, list[list[Any]]] = {}

    def look(
        self, scopes: Sequence[FloorOf], at: datetime
    ) -> dict[FloorOf, tuple[dict[int, list[Any]], dict[str, Any]]]:
        """For each scope (teams' ids, None = the company): seats by agent, and the figures."""
        try:
            is_due = self._read_at is None or at - self._read_at >= SLOWLY
            if is_due:
                self._people = list(User.objects.agents().order_by("pk"))
                self._tallies = tallies_of(self._people, at=at)
                self._budgets.clear()
                self._read_at = at
            seats = seats_of(self._people, tallies=self._tallies, at=at)
            return {scope: self._look(scope, seats, at) for scope in scopes}
        finally:
            connection.close()  # back to the pool: this thread may not be used again

    def _look(
        self, scope: FloorOf, seats: Sequence[Seat], at: datetime
    ) -> tuple[dict[int, list[Any]], dict[str, Any]]:
        mine = [seat for seat in seats if scope is None or seat.agent.team_id in scope]
        if scope not in self._budgets:
            budgets = budgets_of([seat.agent for seat in mine], at=at)
            self._budgets[scope] = [[b.campaign_id, b.percent, b.limit] for b in budgets]
        figures = figures_of(mine, at=at)
        return {seat.agent.pk: told(seat) for seat in mine}, {
            "figures": asdict(figures) | {"contact_percent": figures.contact_percent},
            "budgets": self._budgets[scope],
        }


def told(seat: Seat) -> list[Any]:
    """One seat as the wallboard's script reads it: short, and in no language."""
    return [
        seat.agent.pk,
        seat.state,
        seat.since.isoformat(timespec="seconds") if seat.since else "",
        seat.code,
        seat.customer_id or 0,
        seat.customer_name,
        seat.campaign,
        seat.attempts,
        seat.answered,
        seat.sold,
    ]


def labels() -> dict[str, str]:
    """What each code of a seat says, in the reader's language."""
    said = {str(state): str(state.label) for state in PresenceState}
    said |= {
        f"{PresenceState.AWAY}:{reason}": f"{PresenceState.AWAY.label} · {reason.label}"
        for reason in AwayReason
    }
    return said | {f"call:{state}": str(state.label) for state in CallState}


def _seat(
    agent: User,
    presence: Presence | None,
    call: Call | None,
    tally: Mapping[str, Any],
    at: datetime,
) -> Seat:
    state, since, label = str(PresenceState.OFFLINE), None, str(PresenceState.OFFLINE.label)
    code = state
    if presence is not None and is_present(presence.state, seen_at=presence.seen_at, at=at):
        state, since = presence.state, presence.since
        label, code = str(PresenceState(state).label), state
        if presence.reason in AwayReason.values:
            code = f"{state}:{presence.reason}"
            label = f"{label} · {AwayReason(presence.reason).label}"
    if call is not None:
        # The line's word beats the screen's: a call is on even if the browser went silent.
        is_talking = call.state == CallState.TALKING
        state = "talking" if is_talking else "ringing"
        since = call.answered_at if is_talking else call.queued_at
        label, code = str(CallState(call.state).label), f"call:{call.state}"
    return Seat(
        agent=agent,
        state=state,
        since=since,
        label=label,
        code=code,
        customer_id=call.customer_id if call else None,
        customer_name=call.customer.name if call else "",
        campaign=call.campaign.name if call and call.campaign else "",
        attempts=tally.get("attempts", 0),
        answered=tally.get("answered", 0),
        sold=tally.get("sold", 0),
    )
