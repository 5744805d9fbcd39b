"""What the floor shows: one row per agent, sums per team, read in three queries."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Count, Q
from django.utils import timezone

from furrow.calls.models import Call
from furrow.calls.rules import CallState, Outcome
from furrow.campaigns.rules import Effect
from furrow.organisation.models import Presence, Team, User
from furrow.organisation.rules import Act, PresenceState, Scope, is_present

from .rules import AwayReason


@dataclass(frozen=True)
class Seat:
    """One agent on the floor."""

    agent: User
    state: str  # PresenceState, or "ringing" while a call of theirs rings
    since: datetime | None
    label: str  # translated
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
class Floor:
    teams: list[TeamFloor]
    talking: int
    ringing: int
    ready: int
    wrapup: int
    away: int
    attempts: int
    answered: int
    sold: int

    @property
    def contact_percent(self) -> int:
        return round(100 * self.answered / self.attempts) if self.attempts else 0


def floor_of(*, user: User, at: datetime) -> Floor:
    """The floor as `user` may see it at `at`; agents by team, those at work first.

    Cost: agents, calls in progress, and one grouped count over today's calls.
    """
    agents = User.objects.agents().select_related("team").order_by("team__name", "display_name")
    if user.scope(Act.WATCH_FLOOR) is not Scope.ALL:
        agents = agents.filter(team__in=user.teams(Act.WATCH_FLOOR))
    people = list(agents)
    presences = {p.user_id: p for p in Presence.objects.filter(user__in=people)}
    live = {
        call.agent_id: call
        for call in Call.objects.in_progress()
        .filter(agent__in=people)
        .select_related("customer", "campaign")
        .order_by("id")
    }
    midnight = timezone.localtime(at).replace(hour=0, minute=0, second=0, microsecond=0)
    tallies: dict[int, dict[str, Any]] = {
        row["agent_id"]: dict(row.items())
        for row in Call.objects.filter(agent__in=people, queued_at__gte=midnight, queued_at__lt=at)
        .values("agent_id")
        .order_by("agent_id")
        .annotate(
            attempts=Count("id"),
            answered=Count("id", filter=Q(outcome=Outcome.ANSWERED)),
            sold=Count("id", filter=Q(disposition__effect=Effect.SOLD)),
        )
    }
    seats = [
        _seat(agent, presences.get(agent.pk), live.get(agent.pk), tallies.get(agent.pk, {}), at)
        for agent in people
    ]
    teams: dict[int | None, TeamFloor] = {}
    for seat in seats:
        teams.setdefault(seat.agent.team_id, TeamFloor(seat.agent.team)).seats.append(seat)
    count = {state: sum(seat.state == state for seat in seats) for state in _STATES}
    return Floor(
        teams=list(teams.values()),
        talking=count["talking"],
        ringing=count["ringing"] + count["calling"],
        ready=count["ready"],
        wrapup=count["wrapup"],
        away=count["away"],
        attempts=sum(seat.attempts for seat in seats),
        answered=sum(seat.answered for seat in seats),
        sold=sum(seat.sold for seat in seats),
    )


_STATES = ("talking", "ringing", "calling", "ready", "wrapup", "away")


def _seat(
    agent: User, presence: Presence | None, call: Call | None, tally: dict[str, Any], at: datetime
) -> Seat:
    state, since, label = str(PresenceState.OFFLINE), None, str(PresenceState.OFFLINE.label)
    if presence is not None and is_present(presence.state, seen_at=presence.seen_at, at=at):
        state, since = presence.state, presence.since
        label = str(PresenceState(state).label)
        if presence.reason in AwayReason.values:
            label = f"{label} · {AwayReason(presence.reason).label}"
    if call is not None:
        # The line's word beats the screen's: a call is on even if the browser went silent.
        is_talking = call.state == CallState.TALKING
        state = "talking" if is_talking else "ringing"
        since = call.answered_at if is_talking else call.queued_at
        label = str(CallState(call.state).label)
    return Seat(
        agent=agent,
        state=state,
        since=since,
        label=label,
        customer_id=call.customer_id if call else None,
        customer_name=call.customer.name if call else "",
        campaign=call.campaign.name if call and call.campaign else "",
        attempts=tally.get("attempts", 0),
        answered=tally.get("answered", 0),
        sold=tally.get("sold", 0),
    )
