"""Callers, from the first ring to an agent: what the dialing loop does for them in the database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto

from django.db import transaction
from django.utils.timezone import localtime

from furrow.calls.rules import IN_PROGRESS
from furrow.dialer.queries import free_to_be_called, usable_line
from furrow.inbound.actions import (
    arrive,
    begin_waiting,
    close_offer,
    join,
    offer_next,
    opt_out_by_key,
    promise,
)
from furrow.inbound.models import Arrival, Offer
from furrow.inbound.rules import KEY_CALL_ME_BACK, KEY_NEVER_AGAIN, Result


class Step(Enum):
    """What has to happen on a caller's line now."""

    NOTHING = auto()
    WAIT = auto()  # answer it, play the announcement, then music
    JOIN = auto()  # let caller and agent hear each other
    PROMISE = auto()  # say that we call back, and hang up
    CLOSED = auto()  # the same, outside our hours
    OPTED_OUT = auto()  # say that it is done, and hang up
    WITHHELD = auto()  # ask to call again with the number shown, and hang up
    REFUSE = auto()  # nobody is meant to answer here


@dataclass(frozen=True)
class Todo:
    """One step for one line. `call_id` None = there is no call; `seat` None = ring the agent."""

    step: Step
    leg: str
    call_id: int | None = None
    agent: str = ""  # username
    seat: str | None = None


def ring_in(*, leg: str, caller: str, called: str, at: datetime) -> Todo:
    """Somebody calls: store who, and let it ring at whom it should. Safe to repeat."""
    with transaction.atomic():
        arrival = arrive(leg=leg, caller=caller, called=called, at=at)
        if arrival is None:
            return Todo(Step.REFUSE, leg)
        if arrival.call_id is None:
            return Todo(Step.WITHHELD, leg)
        if not arrival.hotline.hours.is_open(localtime(at)):
            promise(arrival=arrival, at=at)
            begin_waiting(arrival=arrival, at=at)
            return Todo(Step.CLOSED, leg, arrival.call_id)
        _offer(arrival, at=at)
    return Todo(Step.NOTHING, leg, arrival.call_id)


def _offer(arrival: Arrival, *, at: datetime) -> Offer | None:
    owner_id = arrival.caller.customer.owner_id
    free = free_to_be_called(team_id=arrival.hotline.team_id, owner_id=owner_id, at=at)
    return offer_next(arrival=arrival, free=free, at=at)


def callers_on() -> list[tuple[str, int]]:
    """The callers that are on, talking or not: the switch's name of the line, and the call."""
    on = Arrival.objects.filter(call__state__in=IN_PROGRESS).order_by("pk")
    return [(leg, pk) for leg, pk in on.values_list("leg", "call_id") if pk]


def call_on(*, leg: str) -> int | None:
    """The call on a line the switch has named; None when it is nobody's who called us."""
    return Arrival.objects.filter(leg=leg).values_list("call_id", flat=True).first()


def attend(*, at: datetime) -> list[Todo]:
    """Look after every caller who talks to nobody yet: one step each at most."""
    waiting = Arrival.objects.waiting().select_related("hotline", "call__customer").order_by("at")
    todos = (_attend(arrival, at=at) for arrival in waiting)
    return [todo for todo in todos if todo.step is not Step.NOTHING]


@transaction.atomic
def _attend(arrival: Arrival, *, at: datetime) -> Todo:
    nothing = Todo(Step.NOTHING, arrival.leg, arrival.call_id)
    if arrival.promised_at is not None:
        return nothing  # on their way out
    open_ = Offer.objects.open().filter(arrival=arrival)
    offer = open_.select_related("agent", "arrival__call", "arrival__hotline").first()
    if offer is not None and offer.accepted_at is not None:
        if not join(offer=offer, at=at):
            return nothing
        seat = usable_line(offer.agent, at=at)
        return Todo(Step.JOIN, arrival.leg, arrival.call_id, offer.agent.username, seat)
    if offer is not None and offer.runs_out(at):
        if not close_offer(offer=offer, result=Result.UNANSWERED, at=at):
            return nothing  # taken in this very moment: joined the next time round
        offer = None
    if offer is not None or _offer(arrival, at=at) is not None:
        return nothing
    if begin_waiting(arrival=arrival, at=at):
        return Todo(Step.WAIT, arrival.leg, arrival.call_id)
    waited = (at - (arrival.waits_since or arrival.at)).total_seconds()
    if waited >= arrival.hotline.queue_seconds and promise(arrival=arrival, at=at):
        return Todo(Step.PROMISE, arrival.leg, arrival.call_id)
    return nothing


def press_key(*, call_id: int, key: str, at: datetime) -> Step:
    """Somebody who hears our message, and talks to nobody yet, pressed a key."""
    if key == KEY_NEVER_AGAIN and opt_out_by_key(call_id=call_id, at=at):
        return Step.OPTED_OUT
    if key == KEY_CALL_ME_BACK:
        arrival = Arrival.objects.waiting().select_related("hotline").filter(call=call_id).first()
        if arrival is not None and promise(arrival=arrival, at=at):
            return Step.PROMISE
    return Step.NOTHING
