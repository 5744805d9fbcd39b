"""Pools of numbers for tests."""

from collections.abc import Sequence
from itertools import count

from furrow.campaigns.models import Campaign
from furrow.lines.actions import PoolDraft, add_caller_ids, save_pool
from furrow.lines.models import Pool
from furrow.organisation.tests.make import NOON, make_user

_next = count(1)


def make_pool(
    *,
    numbers: int = 2,
    region: str = "*",
    most_per_hour: int = 60,
    most_per_day: int = 300,
    campaigns: Sequence[Campaign] = (),
) -> Pool:
    """A pool with so many numbers of ours."""
    by = make_user()
    draft = PoolDraft(
        name=f"Pool {next(_next)}", region=region, most_per_hour=most_per_hour,
        most_per_day=most_per_day, campaigns=campaigns,
    )  # fmt: skip
    pool = save_pool(pool=None, draft=draft, by=by, at=NOON)
    e164s = [f"+861059{next(_next):06}" for _ in range(numbers)]
    if e164s:
        add_caller_ids(pool=pool, e164s=e164s, proof="contract 7", by=by, at=NOON)
    return pool
