"""Taking customers to dial, dialling each once, and giving back whom nobody dialled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import F

from furrow.audit.actions import record
from furrow.calls.actions import connect_call, move_call, place_call
from furrow.calls.models import Call
from furrow.calls.rules import DIALS_BY_ITSELF, CallState, Outcome
from furrow.campaigns.actions import (
    count_attempt,
    finish_target,
    give_target,
    pause_drained,
    prefer_target,
    put_off_target,
    take_out_everywhere,
    uncount_attempt,
    wake_targets,
)
from furrow.campaigns.models import Campaign, Target
from furrow.campaigns.rules import OUR_FAULTS, DialMode, Retrying, retry_at
from furrow.common.phone import zone
from furrow.common.realtime import DIALER_CHANNEL, notify, publish
from furrow.dialer.models import Heartbeat, Lease
from furrow.dialer.queries import (
    NAME,
    Dial,
    Seat,
    attempts_in_slot,
    busy_campaigns,
    callable_number,
    campaign_of_promise,
    dropped_until,
    free_agents,
    promises_to_keep,
    proved,
    usable_line,
    window_of,
)
from furrow.dialer.rules import LEASE_LIFE, LONGEST_CALL, NO_END, SKIPPED_FOR, Skip, Wanted
from furrow.followups.models import FollowUp
from furrow.inbound.actions import settle
from furrow.lines.actions import choose_caller_id, use_caller_id
from furrow.lines.rules import NoLineFree
from furrow.organisation.actions import SYSTEM, set_presence, system_user
from furrow.organisation.models import User
from furrow.organisation.rules import PresenceState
from furrow.permits.actions import close_permit, request_permit
from furrow.permits.rules import Decision, PermitVoid, Purpose
from furrow.pipeline.actions import take_out
from furrow.pipeline.rules import OutReason


@dataclass(frozen=True)
class Taken:
    """A lease just taken."""

    lease_id: int
    campaign_id: int
    dial_at: datetime | None


def begin_reign(*, at: datetime) -> int:
    """A dialer leads from now on; the leases of those before it are void. Returns its number."""
    Heartbeat.objects.get_or_create(name=NAME, defaults={"started_at": at, "beat_at": at})
    Heartbeat.objects.filter(name=NAME).update(reign=F("reign") + 1)
    reign = Heartbeat.objects.get(name=NAME).reign
    for lease in Lease.objects.held().exclude(reign=reign).order_by("pk"):
        release_lease(lease_id=lease.pk, why="new dialer", until=None, at=at)
    return reign


@transaction.atomic
def take_from_pool(
    *,
    campaign: Campaign,
    most: int,
    order: Sequence[int] = (),
    favoured: Sequence[int] = (),
    reign: int,
    at: datetime,
) -> list[Taken]:
    """Take up to `most` of the best ready customers, for whoever is free when they answer.

    order     lists to ask first, one customer from each draw; () = by priority alone
    favoured  lists that come first among customers of the highest priority, and no further (D5)

    Others who take at the same time get others (SKIP LOCKED). Cost: the head of one index.
    """
    everybody = Target.objects.filter(campaign=campaign).ready()
    queues = [everybody.filter(source_ref=one) for one in order]
    if favoured and (top := everybody.values_list("priority", flat=True).first()) is not None:
        queues += [everybody.filter(source_ref=one, priority__gte=top) for one in favoured]
    queues.append(everybody)
    targets: list[Target] = []
    for queue in queues:
        if len(targets) < most:
            fresh = queue.exclude(pk__in=[t.pk for t in targets]) if targets else queue
            targets += fresh.select_for_update(skip_locked=True, of=("self",))[
                : most - len(targets)
            ]
    return _lease(targets, campaign=campaign, agent=None, dial_at=at, reign=reign, at=at)


@transaction.atomic
def take_for_agent(
    *,
    campaign: Campaign,
    agent: User,
    dial_at: datetime | None,
    favoured: Sequence[int] = (),
    reign: int,
    at: datetime,
) -> Taken | None:
    """Take the agent's best customer in this campaign, or the pool's if that one is better.

    favoured  lists of which the pool's customers come first among equals (D5)

    None when nobody waits, or the agent is kept for another already.
    """
    own = (
        Target.objects.waiting(at)
        .filter(campaign=campaign, agent=agent, customer__owner=agent)
        .order_by("-priority", "attempts", "id")
    )
    pool = Target.objects.filter(campaign=campaign).ready()
    queues = [own]
    if campaign.dial_mode in DIALS_BY_ITSELF:
        queues += [pool.filter(source_ref=one) for one in favoured] + [pool]
    heads = [
        target
        for queue in queues
        for target in queue.select_for_update(skip_locked=True, of=("self",))[:1]
    ]
    heads.sort(key=lambda t: (-t.priority, t.source_ref not in favoured, t.attempts, t.pk))
    taken = _lease(heads[:1], campaign=campaign, agent=agent, dial_at=dial_at, reign=reign, at=at)
    return taken[0] if taken else None


def take_wanted(
    *, wanted: Wanted, campaign: Campaign, seats: Sequence[Seat], reign: int, at: datetime
) -> int:
    """Do what the driver wants; returns how many customers were taken.

    Where the pool is empty, free agents are given their own customers one by one.
    """
    agents = [wanted.agent_id]
    if wanted.agent_id is None:
        taken = take_from_pool(
            campaign=campaign, most=wanted.lines, order=wanted.order, favoured=wanted.favoured,
            reign=reign, at=at,
        )  # fmt: skip
        if taken:
            return len(taken)
        agents = [seat.agent_id for seat in seats if seat.is_free and campaign.pk in seat.campaigns]
    people = User.objects.in_bulk([pk for pk in agents if pk is not None])
    wait = timedelta(seconds=campaign.preview_seconds)
    dial_at: datetime | None = at
    if campaign.dial_mode == DialMode.PREVIEW:
        dial_at = at + wait if wait else None
    return sum(
        take_for_agent(
            campaign=campaign,
            agent=agent,
            dial_at=dial_at,
            favoured=wanted.favoured,
            reign=reign,
            at=at,
        )
        is not None
        for agent in people.values()
    )


def keep_promises(*, seats: Sequence[Seat], reign: int, at: datetime) -> set[int]:
    """Take the promised call-backs whose minute has come, for the agent who promised if free;
    after the campaign's patience for anybody free of the same team. Returns who was kept."""
    kept: set[int] = set()
    free = [seat for seat in seats if seat.is_up and seat.state == "ready" and not seat.is_kept]
    if not free:
        return kept
    for due in promises_to_keep(at=at):
        mine = [s for s in free if s.agent_id == due.assigned_to_id]
        seat = next((s for s in mine if s.agent_id not in kept), None)
        campaign = campaign_of_promise(due, agents=[s.agent_id for s in free])
        if campaign is None:
            continue
        wait = timedelta(minutes=campaign.callback_minutes)
        if seat is None and due.due_at + wait <= at:
            seat = next(
                (
                    s for s in free
                    if s.agent_id not in kept and s.team_id == due.assigned_to.team_id
                ),
                None,
            )  # fmt: skip
        if seat is None:
            continue
        agent = User.objects.get(pk=seat.agent_id)
        if take_promise(followup=due, campaign=campaign, agent=agent, reign=reign, at=at):
            kept.add(seat.agent_id)
    return kept


@transaction.atomic
def take_promise(
    *, followup: FollowUp, campaign: Campaign, agent: User, reign: int, at: datetime
) -> Taken | None:
    """Keep an agent free for a promised call-back, to be dialled at once. None if kept already."""
    if not FollowUp.objects.open().select_for_update(skip_locked=True).filter(pk=followup.pk):
        return None
    target = Target.objects.filter(campaign=campaign, customer=followup.customer_id).first()
    try:
        with transaction.atomic():
            lease = Lease.objects.create(
                campaign=campaign, target=target, followup=followup, agent=agent, reign=reign,
                taken_at=at, dial_at=at, expires_at=at + LEASE_LIFE,
            )  # fmt: skip
    except IntegrityError:
        return None
    _show(lease)
    return Taken(lease.pk, campaign.pk, at)


def _lease(
    targets: Sequence[Target],
    *,
    campaign: Campaign,
    agent: User | None,
    dial_at: datetime | None,
    reign: int,
    at: datetime,
) -> list[Taken]:
    expires_at = max(dial_at or at + timedelta(minutes=15), at) + LEASE_LIFE
    leases = [
        Lease(
            campaign=campaign, target=target, agent=agent, reign=reign, taken_at=at,
            dial_at=dial_at, expires_at=expires_at,
        )
        for target in targets
    ]  # fmt: skip
    try:
        with transaction.atomic():
            Lease.objects.bulk_create(leases)
    except IntegrityError:  # the agent, or one of them, was taken by somebody quicker
        return []
    Target.objects.filter(pk__in=[target.pk for target in targets]).update(not_before=expires_at)
    for lease in leases:
        _show(lease)
    return [Taken(lease.pk, campaign.pk, dial_at) for lease in leases]


def _show(lease: Lease) -> None:
    """Put the customer on the desk of the agent who is kept free."""
    if lease.agent_id is not None:
        publish("call", topics=[f"user:{lease.agent_id}"], agent=lease.agent_id)


@dataclass(frozen=True)
class Denied:
    """The gate said no."""

    campaign_id: int
    check: str


def dial_lease(*, lease_id: int, reign: int, at: datetime) -> Dial | Denied | None:
    """Through the gate, and store the intent to dial: one transaction, before anything rings.

    The gate's "no" when it says so; then the customer waits until the answer may change. None
    when there is nothing to dial: the lease is dialled or given back already, or another reign's.
    """
    with transaction.atomic():
        lease = _held(lease_id)
        beat = Heartbeat.objects.select_for_update(no_key=True).filter(name=NAME, reign=reign)
        if lease is None or lease.reign != reign or not beat.exists():
            return None
        if lease.expires_at <= at:
            release_lease(lease_id=lease_id, why="expired", until=None, at=at)
            return None
        return _dial(lease, at=at)


def _dial(lease: Lease, *, at: datetime) -> Dial | Denied | None:
    campaign, agent = lease.campaign, lease.agent
    customer = lease.followup.customer if lease.followup else None
    if customer is None and lease.target is not None:
        customer = lease.target.customer
    number = callable_number(customer, at=at) if customer else None
    if customer is None or number is None:
        if customer is not None:
            take_out_everywhere(customer_id=customer.pk, at=at)
        release_lease(lease_id=lease.pk, why="suppression", until=None, at=at)
        return None
    # A promise is personal: whoever keeps it is in the call from the first ring.
    mode = DialMode.PREVIEW if lease.followup else DialMode(campaign.dial_mode)
    if agent is None and (until := dropped_until(number, at=at)):
        release_lease(lease_id=lease.pk, why="dropped", until=until, at=at)
        return None
    # The pool's customers are dialled for nobody in particular, even while an agent is kept free.
    is_pools = mode in DIALS_BY_ITSELF and customer.owner_id is None
    asks = None if is_pools else agent
    purpose = Purpose.CALLBACK if lease.followup else Purpose.SALES
    decision, permit = request_permit(
        number=number,
        agent=asks,
        purpose=proved(purpose, customer_id=customer.pk, at=at),
        campaign_ref=campaign.pk,
        campaign=window_of(campaign),
        stands_in=lease.followup is not None,
        by=system_user(),
        at=at,
    )
    if permit is None:
        return _give_back(lease, decision, at=at)
    try:
        # After the gate: a call that ends locks its customer first and its caller id then, too.
        line = choose_caller_id(
            e164=number.e164, region=number.region, campaign_id=campaign.pk, at=at
        )
    except NoLineFree as refusal:
        close_permit(permit_id=permit.pk, at=at)
        until = refusal.next_at or at + NO_END
        release_lease(lease_id=lease.pk, why="lines", until=until, at=at)
        return None
    try:
        call = place_call(permit=permit, campaign=campaign, mode=mode, by=system_user(), at=at)
    except PermitVoid:
        release_lease(lease_id=lease.pk, why="suppression", until=at + NO_END, at=at)
        return None
    except IntegrityError:  # a caller has just been given to the agent
        close_permit(permit_id=permit.pk, at=at)
        release_lease(lease_id=lease.pk, why="busy", until=None, at=at)
        return None
    if line is not None:
        use_caller_id(caller_id=line, call_id=call.pk, at=at)
    Lease.objects.filter(pk=lease.pk).update(call=call)
    count_attempt(campaign_id=campaign.pk, customer_id=customer.pk)
    put_off_target(campaign_id=campaign.pk, customer_id=customer.pk, until=at + LONGEST_CALL)
    if call.agent is not None:
        set_presence(user=call.agent, state=PresenceState.CALLING, at=at)
    move_call(call_id=call.pk, to=CallState.DIALING, at=at)
    return Dial(
        call_id=call.pk,
        e164=number.e164,
        agent=agent.username if agent else "",
        campaign_id=campaign.pk,
        is_taken_when_answered=call.mode in DIALS_BY_ITSELF,
        seat=usable_line(agent, at=at),
        ring_seconds=float(campaign.ring_seconds),
        caller_id=line.e164 if line else "",
    )


def _give_back(lease: Lease, decision: Decision, *, at: datetime) -> Denied:
    refusal = decision.refusal
    assert refusal is not None  # noqa: S101
    # When the whole answer changes: the first "no" may be over long before the last.
    until = decision.changes_at or at + NO_END
    release_lease(lease_id=lease.pk, why=refusal.check[:20], until=until, at=at)
    return Denied(lease.campaign_id, refusal.check)


def _held(lease_id: int) -> Lease | None:
    return (
        Lease.objects.held()
        .select_for_update(of=("self",))
        .select_related("campaign", "agent", "target__customer", "followup__customer")
        .filter(pk=lease_id)
        .first()
    )


@transaction.atomic
def release_lease(*, lease_id: int, why: str, until: datetime | None, at: datetime) -> bool:
    """Give a customer back undialled. False if it was dialled, or given back, before.

    until  when the customer may be taken again; None = now
    """
    if not Lease.objects.held().filter(pk=lease_id).update(released_at=at, why=why):
        return False
    lease = Lease.objects.get(pk=lease_id)
    if lease.target_id is not None:
        Target.objects.filter(pk=lease.target_id).update(not_before=until)
    _show(lease)
    return True


def expire_leases(*, at: datetime) -> int:
    """Give back the customers nobody dialled in time; returns how many. Safe to repeat."""
    late = Lease.objects.held().filter(expires_at__lte=at).order_by("pk")
    return sum(
        release_lease(lease_id=pk, why="expired", until=None, at=at)
        for pk in list(late.values_list("pk", flat=True))
    )


@transaction.atomic
def skip_lease(*, agent: User, lease_id: int, reason: Skip, at: datetime) -> bool:
    """The agent passes the shown customer over, and says why. False if it is gone already."""
    lease = Lease.objects.held().filter(pk=lease_id, agent=agent).select_related("target").first()
    if lease is None:
        return False
    wait = SKIPPED_FOR[reason]
    released = release_lease(
        lease_id=lease_id, why=f"skip:{reason}", until=at + wait if wait else None, at=at
    )
    if released:
        record("lease.skipped", of=lease, by=agent.username, at=at, reason=reason)
        if wait is None and lease.target is not None:
            finish_target(
                campaign_id=lease.campaign_id, customer_id=lease.target.customer_id, at=at
            )
    return released


@transaction.atomic
def dial_now(*, agent: User, lease_id: int, at: datetime) -> bool:
    """The agent has seen enough: dial the shown customer now. False if it is gone already."""
    mine = Lease.objects.held().filter(pk=lease_id, agent=agent)
    if not mine.update(dial_at=at):
        return False
    notify(DIALER_CHANNEL)
    return True


def tidy(*, at: datetime) -> None:
    """What has to be done every second: leases run out, customers come back, agents leave."""
    expire_leases(at=at)
    wake_targets(at=at)
    pause_drained(busy=busy_campaigns(), by=system_user(), at=at)


# -- what comes of it ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Connection:
    """Two legs to join."""

    agent_id: int
    seat: str


def connect_waiting(*, call_id: int, at: datetime) -> Connection | None:
    """Give an answered call to the agent kept free for it, else to the one who waits longest.

    None when nobody is free just now, or nobody waits there any more.
    """
    waiting = Call.objects.filter(pk=call_id, state=CallState.WAITING).select_related("lease")
    call = waiting.first()
    if call is None:
        return None
    kept = getattr(call, "lease", None)
    for session in free_agents(
        campaign_id=call.campaign_id or 0, kept=kept.agent_id if kept else None, at=at
    ):
        try:
            with transaction.atomic():
                if not connect_call(call_id=call_id, agent=session.agent, at=at):
                    continue
                give_target(
                    campaign_id=call.campaign_id or 0,
                    customer_id=call.customer_id,
                    agent_id=session.agent_id,
                )
            return Connection(session.agent_id, session.agent.line.leg)
        except IntegrityError:  # taken by another call in this very moment
            continue
    return None


def store_answer(*, call_id: int, at: datetime) -> bool:
    """Somebody answered: the agent talks, or where nobody is named yet, the callee waits."""
    if Call.objects.filter(pk=call_id, is_inbound=True).exists():
        return False  # we answered it; the agent who takes it talks from then on
    nobody = Call.objects.filter(pk=call_id, agent=None).exists()
    to = CallState.WAITING if nobody else CallState.TALKING
    return move_call(call_id=call_id, to=to, at=at)


@transaction.atomic
def end_call(
    *, call_id: int, at: datetime, outcome: str, cause: str = "", goes_on: bool = False
) -> bool:
    """A call has ended; one the dialer made by itself is put where it belongs in its campaign.

    goes_on  only for us: the customer talks on with somebody outside
    returns  False if it had ended before
    """
    if not move_call(
        call_id=call_id, to=CallState.ENDED, at=at, outcome=outcome, cause=cause, goes_on=goes_on
    ):
        return False
    call = Call.objects.select_related("campaign", "number").get(pk=call_id)
    if call.is_inbound:
        settle(call_id=call_id, at=at)
    elif call.mode in DIALS_BY_ITSELF and call.agent_id is None:
        _settle(call, at=at)
        if (lease := Lease.objects.filter(call=call).first()) is not None:
            _show(lease)
    return True


def _settle(call: Call, *, at: datetime) -> None:
    """Nobody talked, so nobody says what comes next: the campaign's rules do."""
    campaign, number = call.campaign, call.number
    assert campaign is not None  # noqa: S101
    target = Target.objects.filter(campaign=campaign, customer=call.customer_id).first()
    if target is None:
        return
    if call.outcome in OUR_FAULTS:
        uncount_attempt(campaign_id=campaign.pk, customer_id=call.customer_id)
    last_at = (call.dialed_at or call.queued_at).astimezone(zone(number.time_zone))
    again_at = retry_at(
        call.outcome,
        last_at=last_at,
        attempts=target.attempts,
        in_slot=attempts_in_slot(call, slots=campaign.slots, local=last_at),
        rules=Retrying(
            campaign.retry_minutes, campaign.slots, campaign.most_attempts,
            campaign.attempts_per_slot,
        ),
    )  # fmt: skip
    if call.outcome == Outcome.ABANDONED:
        prefer_target(campaign_id=campaign.pk, customer_id=call.customer_id)
        record(
            "call.abandoned", of=call, by=SYSTEM, at=at,
            campaign=campaign.pk, waited_seconds=_waited(call), apology=campaign.name,
        )  # fmt: skip
        again_at = again_at or at + timedelta(days=3)
    if again_at is None:
        if call.outcome in {Outcome.SWITCHED_OFF, Outcome.OUT_OF_SERVICE}:
            take_out(customer=call.customer, because=OutReason.OFF, by=system_user(), at=at)
        finish_target(campaign_id=campaign.pk, customer_id=call.customer_id, at=at)
    else:
        put_off_target(
            campaign_id=campaign.pk, customer_id=call.customer_id, until=max(again_at, at)
        )


def _waited(call: Call) -> float:
    if call.answered_at is None or call.ended_at is None:
        return 0.0
    return round((call.ended_at - call.answered_at).total_seconds(), 2)
