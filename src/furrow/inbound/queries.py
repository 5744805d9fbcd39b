"""Who calls, who waits, and how callers fared today."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db.models import Count, F, Q
from django.utils.timezone import localtime

from furrow.calls.models import Call
from furrow.customers.models import Customer
from furrow.followups.models import FollowUp
from furrow.followups.rules import Reason
from furrow.organisation.models import User
from furrow.science.linkage.numbers import read_numbers

from .models import Arrival, Hotline, Offer
from .rules import WELL_SERVED, CameOfIt, Result

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")


def as_e164(shown: str) -> str:
    """A number as the switch tells it, in any spelling; "" when it is none.

    What a list would be asked about (13800000000) somebody here really calls from.
    """
    numbers = read_numbers(shown, region=settings.DEFAULT_REGION).numbers if shown else ()
    if not numbers and _E164.fullmatch(shown):
        return shown
    return numbers[0] if numbers else ""


def hotline_of(called: str) -> Hotline | None:
    """Whose number was called; a number nobody set up is the oldest hotline's."""
    active = Hotline.objects.filter(is_active=True).select_related("team")
    return active.filter(e164=as_e164(called)).first() or active.order_by("pk").first()


def has_hotlines() -> bool:
    """Whether anybody can call us at all."""
    return Hotline.objects.filter(is_active=True).exists()


@dataclass(frozen=True)
class Pop:
    """A caller who rings at somebody: all they need to know before they take the call."""

    offer: Offer
    call: Call
    last: Call | None  # the customer's last call before this one
    may_see: bool  # the customer's record is open to this agent
    followup: FollowUp | None


def pop_for(agent: User) -> Pop | None:
    """The caller that rings at this agent now. Four small queries at most."""
    offer = (
        Offer.objects.open()
        .filter(agent=agent, accepted_at=None)
        .select_related(
            "arrival__hotline", "arrival__call__customer__owner", "arrival__call__number"
        )
        .first()
    )
    if offer is None or offer.arrival.call is None:
        return None
    call = offer.arrival.call
    before = Call.objects.filter(customer=call.customer_id, queued_at__lt=call.queued_at)
    return Pop(
        offer=offer,
        call=call,
        last=before.select_related("agent", "disposition").order_by("-queued_at").first(),
        may_see=Customer.objects.visible_to(agent).filter(pk=call.customer_id).exists(),
        followup=FollowUp.objects.open().filter(customer=call.customer_id).first(),
    )


@dataclass(frozen=True)
class Waiting:
    """One caller on the line. `rings_at` None = waits, hearing something."""

    arrival: Arrival
    rings_at: User | None
    since: datetime


@dataclass(frozen=True)
class Callers:
    """What a leader sees of the callers of today."""

    waiting: list[Waiting]
    calls: int
    taken: int
    gave_up: int
    promised: int
    closed: int
    well_served: int
    to_call_back: list[FollowUp]
    lately: list[Arrival]

    @property
    def customers(self) -> list[Customer]:
        """Everybody who is named."""
        arrivals = [*(one.arrival for one in self.waiting), *self.lately]
        called_us = [one.call.customer for one in arrivals if one.call is not None]
        return called_us + [followup.customer for followup in self.to_call_back]

    @property
    def service_percent(self) -> int | None:
        """Of those who came in our hours and did not opt out: taken within 20 s."""
        due = self.taken + self.gave_up + self.promised
        return round(100 * self.well_served / due) if due else None


def callers_for(*, user: User, at: datetime) -> Callers:
    """The callers on the line and those of today, as `user` may see them. Five queries."""
    mine = Arrival.objects.visible_to(user)
    midnight = localtime(at).replace(hour=0, minute=0, second=0, microsecond=0)
    today = mine.filter(at__gte=midnight)
    row = today.aggregate(
        calls=Count("pk"),
        taken=Count("pk", filter=Q(came_of_it=CameOfIt.TAKEN)),
        gave_up=Count("pk", filter=Q(came_of_it=CameOfIt.GAVE_UP)),
        promised=Count("pk", filter=Q(came_of_it=CameOfIt.PROMISED)),
        closed=Count("pk", filter=Q(came_of_it=CameOfIt.CLOSED)),
        well_served=Count(
            "pk",
            filter=Q(came_of_it=CameOfIt.TAKEN, call__connected_at__lte=F("at") + WELL_SERVED),
        ),
    )
    on = mine.waiting().select_related("hotline", "call__customer", "call__number", "call__agent")
    lately = (
        today.exclude(came_of_it="")
        .select_related("hotline", "call__customer", "call__number", "call__agent")
        .order_by("-at")[:30]
    )
    back = (
        FollowUp.objects.visible_to(user)
        .open()
        .filter(reason=Reason.CALLED_US)
        .select_related("customer", "assigned_to")
        .order_by("due_at", "pk")[:50]
    )
    return Callers(
        waiting=[Waiting(one, one.caller.agent, one.at) for one in on.order_by("at")],
        to_call_back=list(back),
        lately=list(lately),
        **row,
    )


def tried(arrival: Arrival) -> frozenset[int]:
    """The agents at whom this caller has rung."""
    rung = Offer.objects.filter(arrival=arrival).exclude(result=Result.GONE).order_by()
    return frozenset(rung.values_list("agent_id", flat=True))
