"""What is on the desk now: the call, or the next customer, and why this one."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from furrow.calls.models import Call
from furrow.calls.rules import DIALS_BY_ITSELF, Outcome
from furrow.campaigns.models import Campaign, Disposition, DispositionSet
from furrow.campaigns.queries import next_target
from furrow.campaigns.rules import DialMode, Effect
from furrow.compliance.queries import policy_for
from furrow.customers.models import Customer, Number
from furrow.customers.showing import Shown, shown_to
from furrow.dialer.models import Lease, Party, Session, Talk
from furrow.dialer.queries import (
    callable_number,
    is_heard,
    lease_of,
    parties_of,
    session_for,
)
from furrow.dialer.rules import Place
from furrow.followups.models import FollowUp
from furrow.followups.queries import next_due
from furrow.learning.queries import terms_at
from furrow.learning.rules import Part, asked_in
from furrow.organisation.models import Presence, User
from furrow.pipeline.rules import HIGHEST, LOWEST, Score


class Why(TextChoices):
    """Why this customer is on the desk."""

    CALL = "call", _("The call that is on")
    WRAP_UP = "wrap_up", _("Waiting for its result")
    SHOWN = "shown", _("Next, and dialled by itself")
    DIALLING = "dialling", _("Being dialled for you")
    PROMISED = "promised", _("Promised call-back")
    PICKED = "picked", _("Picked by you")
    FOLLOW_UP = "follow_up", _("Follow-up due")
    CAMPAIGN = "campaign", _("Next in the campaign")


@dataclass(frozen=True)
class Seat:
    """One customer on one agent's desk."""

    why: Why
    customer: Customer
    number: Number | None
    campaign: Campaign | None
    call: Call | None = None
    followup: FollowUp | None = None
    lease: Lease | None = None  # kept free for this customer, and not talking yet
    is_open: bool = True  # the agent may see more than the name
    shown: Shown | None = None  # picked by the agent, who is shown no more than anywhere else

    @property
    def name(self) -> str:
        """In full for who is to be called and greeted; of somebody picked, what the role sees."""
        return self.shown.name if self.shown is not None else self.customer.name

    @property
    def key(self) -> str:
        """What the page shows, so that it notices when it should show something else.

        Who is dialled for whoever is free becomes the agent's, with all that is known, on the
        answer; everybody else stays the same customer from the preview to the result.
        """
        is_closed = self.why is Why.DIALLING and not self.is_open
        return f"{self.customer.pk}{'-dialling' if is_closed else ''}"

    @property
    def dispositions(self) -> list[Disposition]:
        """Of the campaign; of the company's first set for somebody who is in none, as a call
        without a result would never leave the desk."""
        chosen = self.campaign.disposition_set if self.campaign else first_dispositions()
        return list(chosen.dispositions.all()) if chosen else []


def current_call(agent: User) -> Call | None:
    """The call that is on, or else the last one still waiting for its result."""
    calls = Call.objects.filter(agent=agent).select_related(
        "customer__owner", "number", "campaign__script_version__script",
        "campaign__second_script__script", "campaign__disposition_set",
    )  # fmt: skip
    return calls.in_progress().first() or calls.unwrapped().order_by("-queued_at").first()


def seat_of(
    *, agent: User, at: datetime, picked: Customer | None = None, skip: Collection[int] = ()
) -> Seat | None:
    """What this agent's desk shows: the call, else whom the dialer keeps the agent free for, else
    the picked customer, else what is due, else the campaign's next. None when nothing waits, or
    the agent waits for calls that come by themselves.

    skip  ids of the customers the agent passes over for now
    """
    if call := current_call(agent):
        why = Why.CALL if call.is_in_progress else Why.WRAP_UP
        campaign = call.campaign or any_campaign(agent)
        may_see = Customer.objects.visible_to(agent).filter(pk=call.customer_id).exists()
        return Seat(why, call.customer, call.number, campaign, call, is_open=may_see)
    if lease := lease_of(agent):
        return _kept(lease, agent=agent, at=at)
    if picked is not None:
        return Seat(
            Why.PICKED, picked, number_to_call(picked, at=at), campaign_for(agent, picked),
            shown=shown_to(agent, [picked])[0],
        )  # fmt: skip
    if session_for(agent) is not None:
        return None  # calls come by themselves
    if followup := next_due(agent=agent, at=at, skip=skip):
        customer = followup.customer
        return Seat(
            Why.FOLLOW_UP,
            customer,
            number_to_call(customer, at=at),
            campaign_for(agent, customer),
            followup=followup,
        )
    if target := next_target(agent=agent, at=at, skip=skip):
        return Seat(
            Why.CAMPAIGN, target.customer, number_to_call(target.customer, at=at), target.campaign
        )
    return None


def _kept(lease: Lease, *, agent: User, at: datetime) -> Seat:
    """The customer the dialer shows, dials or rings for this agent."""
    due = lease.followup or lease.target
    assert due is not None  # noqa: S101
    customer = due.customer
    if lease.followup is not None:
        why = Why.PROMISED
    else:
        why = Why.DIALLING if lease.campaign.dial_mode in DIALS_BY_ITSELF else Why.SHOWN
    number = number_to_call(customer, at=at)
    may_see = Customer.objects.visible_to(agent).filter(pk=customer.pk).exists()
    return Seat(
        why, customer, number, lease.campaign, followup=lease.followup, lease=lease,
        is_open=may_see and (why is not Why.DIALLING or customer.owner_id == agent.pk),
    )  # fmt: skip


@dataclass(frozen=True)
class Waiting:
    """An agent between calls that come by themselves, or who could have them come."""

    session: Session | None
    campaigns: Sequence[Campaign]  # of the agent's, that dial by themselves now

    presence: Presence | None

    @property
    def is_on(self) -> bool:
        return self.session is not None

    @property
    def is_heard(self) -> bool:
        """Whether the agent's own line stands."""
        return self.session is not None and is_heard(self.session)

    @property
    def key(self) -> str:
        """What the page shows while it shows nobody; see `Seat.key`."""
        if not self.is_on:
            return "0"
        return f"0-{self.presence.state if self.presence else ''}-{'up' if self.is_heard else ''}"


def waiting_of(agent: User) -> Waiting:
    dialled = Campaign.objects.running().filter(agents=agent).exclude(dial_mode=DialMode.MANUAL)
    return Waiting(session_for(agent), list(dialled.order_by("name")), presence_of(agent))


@dataclass(frozen=True)
class Handling:
    """What the lines of an agent's call do, and who else is in it.

    helper       asked to help or to take the call, or helping
    supervisors  of whom the rules tell the agent
    """

    talk: Talk | None
    helper: Party | None
    supervisors: Sequence[Party]

    @property
    def is_held(self) -> bool:
        return self.talk is not None and self.talk.is_held

    @property
    def is_muted(self) -> bool:
        return self.talk is not None and self.talk.is_muted


def handling_of(call: Call, *, at: datetime) -> Handling:
    others = [p for p in parties_of(call) if p.place != Place.TAKE_OVER and p.wanted != Place.GONE]
    helper = next((party for party in others if not party.is_supervisor), None)
    # Whispering and joining are heard anyway; whether listening is told is the law's to say.
    tells = policy_for(region=settings.DEFAULT_REGION, at=at).tells_of_listening
    heard = [p for p in others if p.is_supervisor and (tells or p.place != Place.LISTEN)]
    return Handling(Talk.objects.filter(pk=call.pk).first(), helper, [p for p in heard if p.place])


def presence_of(agent: User) -> Presence | None:
    return Presence.objects.filter(pk=agent.pk).first()


def number_to_call(customer: Customer, *, at: datetime) -> Number | None:
    """The number the desk offers; where all are forbidden the primary one, which says why."""
    return (
        callable_number(customer, at=at) or customer.numbers.order_by("-is_primary", "id").first()
    )


def campaign_for(agent: User, customer: Customer) -> Campaign | None:
    """The running campaign in which this agent works this customer, else any of the agent's."""
    mine = Campaign.objects.running().filter(agents=agent)
    return mine.filter(target__customer=customer).order_by("-started_at").first() or any_campaign(
        agent
    )


def any_campaign(agent: User) -> Campaign | None:
    """Whose script and dispositions apply when a customer is in no campaign of the agent's."""
    return (
        Campaign.objects.running().filter(agents=agent).order_by("-started_at", "-id").first()
        or Campaign.objects.filter(agents=agent).order_by("-id").first()
    )


def first_dispositions() -> DispositionSet | None:
    return DispositionSet.objects.order_by("pk").first()


# What the line's word suggests when the agent says nothing else: one press of N.
_SUGGESTS = {
    Outcome.EMPTY_NUMBER: Effect.INVALID,
    **dict.fromkeys(
        (
            Outcome.NO_ANSWER,
            Outcome.BUSY,
            Outcome.REFUSED,
            Outcome.SWITCHED_OFF,
            Outcome.OUT_OF_SERVICE,
            Outcome.MACHINE,
            Outcome.CANCELLED,
            Outcome.CARRIER_FAULT,
            Outcome.INTERRUPTED,
        ),
        Effect.RETRY,
    ),
}


def suggested(seat: Seat) -> Disposition | None:
    """The disposition that fits what the line said, for calls nobody answered; else None."""
    if seat.call is None or seat.call.outcome not in _SUGGESTS:
        return None
    effect = _SUGGESTS[Outcome(seat.call.outcome)]
    return next((d for d in seat.dispositions if d.effect == effect), None)


def script_for(seat: Seat | None, *, agent: User) -> dict[str, Any]:
    """The seat's script with the names filled in, ready to be read aloud; {} without one.

    {customer} and {agent} (in Chinese scripts also {称呼} and {坐席}) stand for the two people.
    """
    if seat is None or seat.campaign is None:
        return {}
    names = {
        "{customer}": seat.name,
        "{称呼}": seat.name,
        "{agent}": str(agent),
        "{坐席}": str(agent),
    }

    def fill(part: Any) -> Any:
        if isinstance(part, str):
            for mark, name in names.items():
                part = part.replace(mark, name)
            return part
        if isinstance(part, list):
            return [fill(item) for item in part]
        if isinstance(part, dict):
            return {key: fill(value) for key, value in part.items()}
        return part

    filled: dict[str, Any] = fill(seat.campaign.script_for(seat.customer.pk).body)
    return filled


@dataclass(frozen=True)
class Scale:
    """One score as the desk asks for it: the one of the campaign's stage with its rubric, the
    other folded away."""

    score: Score
    is_asked: bool
    keys: list[tuple[int, str]]  # value and its key
    rubric: tuple[Part, ...]


def scales_of(seat: Seat, *, at: datetime) -> list[Scale]:
    """CP in screening, PI later (C1), by the same keys."""
    asked = asked_in(seat.campaign.stage if seat.campaign else "")
    rubrics = terms_at(at).rubrics
    keys = list(zip(range(LOWEST, HIGHEST + 1), "asdfgh", strict=True))
    order = sorted(Score, key=lambda score: score is not asked)
    return [Scale(score, score is asked, keys, rubrics[score]) for score in order]
