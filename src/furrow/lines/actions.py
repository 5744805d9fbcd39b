"""Keeping pools of our numbers, choosing one for a call, and resting those that wear out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Sum
from django.utils.translation import gettext as _

from furrow.audit.actions import record
from furrow.campaigns.models import Campaign
from furrow.compliance.rules import is_region
from furrow.organisation.actions import system_user
from furrow.organisation.models import User
from furrow.science.experiments import decay_step

from .models import CallerId, Pool, Use
from .queries import next_line_at, pools_for, uses_of
from .rules import (
    DECAY_ALARM,
    DECAYED_TO,
    LEAST_RESULTS,
    CannotChangeLines,
    NoLineFree,
    free_at,
)


@dataclass(frozen=True)
class PoolDraft:
    """What a pool is made of; calls are per number."""

    name: str
    region: str = "*"
    most_per_hour: int = 60
    most_per_day: int = 300
    rest_days: int = 7
    campaigns: Sequence[Campaign] = ()
    is_active: bool = True


@transaction.atomic
def save_pool(*, pool: Pool | None, draft: PoolDraft, by: User, at: datetime) -> Pool:
    """Make or change a pool. Raises CannotChangeLines for caps that make no sense."""
    if not is_region(draft.region):
        raise CannotChangeLines(
            _("A region is two letters, such as CN, or with a state, US-FL, or *."), rule="D4"
        )
    if not 1 <= draft.most_per_hour <= draft.most_per_day:
        raise CannotChangeLines(
            _("A number may call at least once an hour, and no more in an hour than in a day."),
            rule="D4",
        )
    namesakes = Pool.objects.filter(name=draft.name)
    if (namesakes.exclude(pk=pool.pk) if pool else namesakes).exists():
        raise CannotChangeLines(_("There is a pool of this name. Choose another."), rule="D4")
    found = pool or Pool()
    for name in ("name", "region", "most_per_hour", "most_per_day", "rest_days", "is_active"):
        setattr(found, name, getattr(draft, name))
    found.save()
    found.campaigns.set(draft.campaigns)
    record("pool.saved", of=found, by=by.username, at=at, region=found.region)
    return found


@transaction.atomic
def add_caller_ids(
    *, pool: Pool, e164s: Sequence[str], proof: str, by: User, at: datetime
) -> tuple[int, int]:
    """Take numbers we own into a pool; returns how many are new and how many were known.

    A retired number that is ours again comes back. Raises CannotChangeLines without a proof.
    """
    if not proof.strip():
        raise CannotChangeLines(
            _("Say what proves that these numbers are ours: a contract, an account."), rule="D4"
        )
    fresh = known = 0
    for e164 in dict.fromkeys(e164s):
        found = CallerId.objects.select_for_update().filter(e164=e164).first()
        if found is None:
            made = CallerId.objects.create(
                pool=pool, e164=e164, proof=proof.strip(), added_at=at, added_by=by
            )
            record("caller_id.added", of=made, by=by.username, at=at, pool=pool.pk)
            fresh += 1
        elif found.retired_at is not None:
            found.retired_at, found.pool, found.proof = None, pool, proof.strip()
            found.decay, found.dialled, found.answered = 0.0, 0, 0
            found.save()
            record("caller_id.returned", of=found, by=by.username, at=at, pool=pool.pk)
            fresh += 1
        else:
            known += 1
    return fresh, known


@transaction.atomic
def retire_caller_id(*, caller_id: CallerId, by: User, at: datetime) -> None:
    """It is not ours any more: no call comes from it again. Safe to repeat."""
    if CallerId.objects.filter(pk=caller_id.pk, retired_at=None).update(retired_at=at):
        record("caller_id.retired", of=caller_id, by=by.username, at=at)


@transaction.atomic
def rest_caller_id(*, caller_id: CallerId, until: datetime | None, by: User, at: datetime) -> None:
    """Let a number rest until then, or wake it (None); its evidence begins anew."""
    CallerId.objects.filter(pk=caller_id.pk).update(
        resting_until=until, decay=0, dialled=0, answered=0
    )
    what = "caller_id.rested" if until else "caller_id.woken"
    record(what, of=caller_id, by=by.username, at=at, until=until)


def choose_caller_id(
    *, e164: str, region: str, campaign_id: int | None, at: datetime
) -> CallerId | None:
    """The number of ours to call from, in the caller's transaction: it stays locked until then.

    e164, region  of whom is called
    returns       the longest unused within its caps, of the nearest pool that has one; None when
                  no pool is for this call, so that the company's one number is used

    Raises NoLineFree with the next moment when there are pools, but every number is at its cap
    or rests. Others who choose at the same time get others (SKIP LOCKED). About 2 ms.
    """
    pools = pools_for(e164=e164, region=region, campaign_id=campaign_id)
    if not pools:
        return None
    for pool in pools:
        turn = CallerId.objects.ready(at).filter(pool=pool)
        for one in turn.order_by(F("used_at").asc(nulls_first=True), "pk").select_for_update(
            skip_locked=True, of=("self",)
        ):
            free = free_at(
                uses_of(one, at=at),
                most_per_hour=pool.most_per_hour,
                most_per_day=pool.most_per_day,
                at=at,
            )
            if free <= at:
                return one
    raise NoLineFree(
        _("Every number we could call from is at its cap or rests."),
        next_at=next_line_at(pools, at=at),
    )


def use_caller_id(*, caller_id: CallerId, call_id: int, at: datetime) -> Use:
    """Count a call against the number's caps, in the transaction that stores the call."""
    CallerId.objects.filter(pk=caller_id.pk).update(used_at=at)
    return Use.objects.create(caller_id=caller_id, call_ref=call_id, at=at)


@transaction.atomic
def note_result(*, call_id: int, is_answered: bool, at: datetime) -> bool:
    """Whether a person answered; a number whose calls are answered ever less is rested.

    False when the call came from no pool, or its result is known. Compared with the pool's other
    numbers, so that a bad list or hour, which all of them share, rests none.
    """
    use = (
        Use.objects.select_for_update(of=("self",))
        .filter(call_ref=call_id, is_answered=None)
        .first()
    )
    if use is None:
        return False
    use.is_answered = is_answered
    use.save(update_fields=["is_answered"])
    one = (
        CallerId.objects.select_for_update(of=("self",))
        .select_related("pool")
        .get(pk=use.caller_id_id)
    )
    others = CallerId.objects.filter(pool=one.pool).exclude(pk=one.pk)
    sums = others.aggregate(dialled=Sum("dialled"), answered=Sum("answered"))
    dialled, answered = sums["dialled"] or 0, sums["answered"] or 0
    if dialled >= LEAST_RESULTS and answered:
        usual = answered / dialled
        one.decay = decay_step(one.decay, is_answered, usual=usual, fallen=usual * DECAYED_TO)
    one.dialled += 1
    one.answered += is_answered
    one.save(update_fields=["decay", "dialled", "answered"])
    if one.decay >= DECAY_ALARM:
        until = at + timedelta(days=one.pool.rest_days)
        rest_caller_id(caller_id=one, until=until, by=system_user(), at=at)
    return True
