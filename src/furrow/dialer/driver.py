"""What to dial next, decided from what is known: no database, no switch, no clock.

The loop reads the floor (`queries.seats`, `queries.dialled_campaigns`), asks `Driver.plan`, and
does what the plan says. One `Pacer` per predictive campaign learns from what the loop tells it.

An agent of several campaigns has one *home* at a time, drawn by the campaigns' weights anew each
quarter of an hour, and another while the home has nobody to dial. Only at home does an agent
count for a pacer: two pacers that count on the same agent would both dial for them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from furrow.campaigns.models import Campaign
from furrow.campaigns.rules import CampaignState, DialMode, mix_order
from furrow.science.pacing import Pacer

from .queries import Seat
from .rules import PATIENCE, Wanted

HOME_SECONDS = 900.0  # how long an agent stays with one of several campaigns
DRY_SECONDS = 0.4  # a campaign without anybody ready is asked again after this
CLOSED_SECONDS = 30.0  # … and one whose customers all are outside their hours
LINES_AT_ONCE = 60  # per campaign and plan; the next plan comes in half a second


@dataclass
class _Share:
    """One predictive campaign: its pacer, and the calls it was told of."""

    pacer: Pacer
    limit: float
    open: set[int] = field(default_factory=set)
    seats: set[int] = field(default_factory=set)  # the agents it has seen


class Driver:
    """Remembers a pacer per predictive campaign, and who was found dry. Times are seconds."""

    def __init__(self, seed: int = 0) -> None:
        self._shares: dict[int, _Share] = {}
        self._dry: dict[int, float] = {}  # campaign -> until
        self._dice = Random(seed)  # noqa: S311 - shares, not secrets

    # -- what happens on the lines -----------------------------------------------------------

    def dialed(self, campaign_id: int, call_id: int, at: float) -> None:
        if share := self._shares.get(campaign_id):
            share.open.add(call_id)
            share.pacer.dialed(call_id, at)

    def answered(self, campaign_id: int, call_id: int, at: float) -> None:
        self._resolved(campaign_id, call_id, "answered", at)

    def machine(self, campaign_id: int, call_id: int, at: float) -> None:
        self._resolved(campaign_id, call_id, "machine", at)

    def failed(self, campaign_id: int, call_id: int, at: float) -> None:
        self._resolved(campaign_id, call_id, "failed", at)

    def connected(self, campaign_id: int, call_id: int, agent_id: int, at: float) -> None:
        if share := self._shares.get(campaign_id):
            share.pacer.connected(call_id, agent_id, at)

    def abandoned(self, campaign_id: int, call_id: int, at: float) -> None:
        if share := self._shares.get(campaign_id):
            share.pacer.abandoned(call_id, at)

    def dry(self, campaign_id: int, at: float) -> None:
        """Nobody is ready there."""
        self._dry[campaign_id] = at + DRY_SECONDS

    def closed(self, campaign_id: int, at: float) -> None:
        """One after the other of its customers is outside the hours: leave the rest in peace."""
        self._dry[campaign_id] = at + CLOSED_SECONDS

    def _resolved(self, campaign_id: int, call_id: int, how: str, at: float) -> None:
        share = self._shares.get(campaign_id)
        if share is None or call_id not in share.open:
            return
        share.open.discard(call_id)
        share.pacer.resolved(call_id, how, at)  # type: ignore[arg-type]

    # -- what to do --------------------------------------------------------------------------

    def plan(
        self,
        *,
        seats: Sequence[Seat],
        campaigns: Mapping[int, Campaign],
        is_overspent: Callable[[int], bool],
        favoured: tuple[int, ...] = (),
        at: float,
    ) -> list[Wanted]:
        """Whom to take now. `campaigns` are the running ones that dial by themselves.

        is_overspent  whether a campaign has abandoned more than its limit over its window:
                      then it dials for agents who are kept free, until that is past
        favoured      lists at their best hour: first among customers of equal priority, where
                      a campaign has no mix of its own
        """
        wet = {pk: c for pk, c in campaigns.items() if self._dry.get(pk, 0.0) <= at}
        homes = {seat.agent_id: self._home(seat, wet, at) for seat in seats}
        wanted: list[Wanted] = []
        for campaign_id, campaign in campaigns.items():
            here = [seat for seat in seats if homes[seat.agent_id] == campaign_id]
            if campaign.dial_mode == DialMode.PREDICTIVE:
                lines = self._pace(campaign, here, at=at)
                at_work = sum(seat.state != "away" for seat in here)
                if at_work >= campaign.small_team and not is_overspent(campaign_id):
                    if lines > 0 and campaign_id in wet:
                        order = self._order(campaign)
                        wanted.append(
                            Wanted(
                                campaign_id,
                                min(lines, LINES_AT_ONCE),
                                order=order,
                                favoured=() if order else favoured,
                            )
                        )
                    continue
            wanted += [
                Wanted(campaign_id, agent_id=seat.agent_id, favoured=favoured)
                for seat in here
                if seat.is_free and campaign.state == CampaignState.RUNNING
            ]
        for gone in self._shares.keys() - campaigns.keys():
            del self._shares[gone]
        return wanted

    def _home(self, seat: Seat, campaigns: Mapping[int, Campaign], at: float) -> int | None:
        """Which campaign this agent works for now; the same for a quarter of an hour."""
        mine = {pk: campaigns[pk].weight for pk in seat.campaigns if pk in campaigns}
        if not mine:
            return None
        dice = Random(f"{seat.agent_id}/{int(at // HOME_SECONDS)}")  # noqa: S311 - shares
        return mix_order(mine, dice.random())[0]

    def _pace(self, campaign: Campaign, here: Sequence[Seat], *, at: float) -> int:
        limit = float(campaign.abandon_percent) / 100
        share = self._shares.get(campaign.pk)
        if share is None or share.limit != limit:
            pacer = Pacer(limit, patience_seconds=PATIENCE.total_seconds())
            share = self._shares[campaign.pk] = _Share(pacer, limit)
        for seat in here:
            state = "talking" if seat.is_kept and seat.state == "ready" else seat.state
            share.pacer.agent(seat.agent_id, state, at)
        present = {seat.agent_id for seat in here}
        for gone in share.seats - present:
            share.pacer.agent(gone, "away", at)
        share.seats = present
        return share.pacer.decide(at)

    def _order(self, campaign: Campaign) -> tuple[int, ...]:
        shares = {int(part["source"]): int(part["share"]) for part in campaign.mix}
        return tuple(mix_order(shares, self._dice.random())) if shares else ()
