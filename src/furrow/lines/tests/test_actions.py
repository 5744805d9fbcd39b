import random
from collections import Counter
from datetime import datetime, timedelta
from itertools import count

import pytest
from django.db import IntegrityError, transaction
from hypothesis import given
from hypothesis import strategies as st

from furrow.audit.models import Event
from furrow.campaigns.tests.make import make_campaign
from furrow.lines.actions import (
    PoolDraft,
    add_caller_ids,
    choose_caller_id,
    note_result,
    rest_caller_id,
    retire_caller_id,
    save_pool,
    use_caller_id,
)
from furrow.lines.models import CallerId, Pool
from furrow.lines.rules import CannotChangeLines, NoLineFree, free_at
from furrow.organisation.tests.make import NOON, make_agent, make_user

from .make import make_pool

pytestmark = pytest.mark.django_db
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
_call = count(1)


def call_from(
    *,
    at: datetime,
    e164: str = "+8613800138000",
    region: str = "CN",
    campaign_id: int | None = None,
) -> CallerId | None:
    """Choose and use, as the dialer does."""
    chosen = choose_caller_id(e164=e164, region=region, campaign_id=campaign_id, at=at)
    if chosen is not None:
        use_caller_id(caller_id=chosen, call_id=next(_call), at=at)
    return chosen


def test_without_a_pool_for_the_call_the_companys_number_is_used() -> None:
    make_pool(region="FR")

    assert call_from(at=NOON) is None


def test_the_nearest_pool_goes_first_and_its_numbers_take_turns() -> None:
    make_pool(region="*")
    near = make_pool(region="CN", numbers=3)

    used = Counter(
        chosen.e164 for n in range(9) if (chosen := call_from(at=NOON + n * MINUTE)) is not None
    )

    assert used == dict.fromkeys(near.caller_ids.order_by("pk").values_list("e164", flat=True), 3)


def test_a_campaigns_own_pool_goes_before_all_and_serves_no_other() -> None:
    campaign = make_campaign(agent=make_agent())
    own = make_pool(campaigns=[campaign])
    others = make_pool(region="CN")

    chosen, other = call_from(at=NOON, campaign_id=campaign.pk), call_from(at=NOON)

    assert chosen is not None
    assert other is not None
    assert (chosen.pool, other.pool) == (own, others)


def test_a_number_at_its_cap_waits_and_says_until_when() -> None:
    make_pool(numbers=1, most_per_hour=2, most_per_day=3)
    for n in range(2):
        call_from(at=NOON + n * MINUTE)

    with pytest.raises(NoLineFree) as refused:
        call_from(at=NOON + 2 * MINUTE)
    assert refused.value.next_at == NOON + HOUR

    assert call_from(at=NOON + HOUR) is not None
    with pytest.raises(NoLineFree) as refused:
        call_from(at=NOON + 3 * HOUR)
    assert refused.value.next_at == NOON + DAY


@given(
    gaps=st.lists(st.integers(0, 40), min_size=1, max_size=60),
    hour=st.integers(1, 5),
    day=st.integers(5, 9),
)
def test_no_sequence_of_calls_breaks_a_cap(gaps: list[int], hour: int, day: int) -> None:
    at = NOON
    used: list[datetime] = []
    for gap in gaps:
        at += gap * MINUTE
        free = free_at(used, most_per_hour=hour, most_per_day=day, at=at)
        if free <= at:
            used.append(at)
        else:
            assert free_at(used, most_per_hour=hour, most_per_day=day, at=free) == free
    for moment in used:
        assert sum(moment - HOUR < one <= moment for one in used) <= hour
        assert sum(moment - DAY < one <= moment for one in used) <= day


def test_a_number_that_is_answered_ever_less_is_rested_and_the_others_are_not() -> None:
    pool = make_pool(numbers=3, most_per_hour=10_000, most_per_day=10_000)
    worn = pool.caller_ids.order_by("pk").first()
    assert worn is not None
    pool.caller_ids.update(dialled=200, answered=60)  # what each did so far
    draw = random.Random(5)
    for n in range(270):
        chosen = call_from(at=NOON + n * timedelta(seconds=5))
        assert chosen is not None
        rate = 0.03 if chosen == worn else 0.3
        call_id = chosen.uses.latest("pk").call_ref
        note_result(call_id=call_id, is_answered=draw.random() < rate, at=NOON)

    rested = CallerId.objects.filter(resting_until__isnull=False)
    assert list(rested.order_by("pk")) == [worn]
    assert Event.objects.filter(what="caller_id.rested").count() == 1


def test_a_result_counts_once_and_only_for_a_call_of_ours() -> None:
    make_pool(numbers=1)
    chosen = call_from(at=NOON)
    assert chosen is not None
    call_id = chosen.uses.get().call_ref

    assert note_result(call_id=call_id, is_answered=True, at=NOON)
    assert not note_result(call_id=call_id, is_answered=True, at=NOON)
    assert not note_result(call_id=call_id + 1, is_answered=True, at=NOON)


def test_no_call_comes_from_a_number_that_rests_or_is_not_ours() -> None:
    pool = make_pool(numbers=2)
    by = make_user()
    first, second = pool.caller_ids.order_by("pk")
    retire_caller_id(caller_id=first, by=by, at=NOON)
    rest_caller_id(caller_id=second, until=NOON + DAY, by=by, at=NOON)

    with pytest.raises(NoLineFree) as refused:
        call_from(at=NOON)
    assert refused.value.next_at == NOON + DAY
    assert add_caller_ids(pool=pool, e164s=[first.e164], proof="new", by=by, at=NOON) == (1, 0)
    assert call_from(at=NOON) == first


def test_a_number_needs_a_proof_and_a_pool_caps_that_make_sense() -> None:
    pool = make_pool(numbers=0)
    by = make_user()

    with pytest.raises(CannotChangeLines):
        add_caller_ids(pool=pool, e164s=["+861059000000"], proof=" ", by=by, at=NOON)
    with pytest.raises(IntegrityError), transaction.atomic():
        CallerId.objects.create(
            pool=pool, e164="+861059000001", proof="", added_at=NOON, added_by=by
        )
    draft = PoolDraft(name="x", most_per_hour=9, most_per_day=3)
    with pytest.raises(CannotChangeLines):
        save_pool(pool=None, draft=draft, by=by, at=NOON)
    with pytest.raises(IntegrityError), transaction.atomic():
        Pool.objects.create(name="y", most_per_hour=9, most_per_day=3)
