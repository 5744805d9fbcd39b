"""How long a leaver's customers take to go over, and a deal to be tried and made.

    python bench/teamwork.py --customers 50000

One person owns all of them, each with an open promise and a place in a campaign; forty heirs,
half of whom take only some cities. Works in a database it creates and drops.
"""

from __future__ import annotations

import argparse
import sys
import time
from datetime import timedelta

from measuring import database, tell, tell_table

CITIES = ("上海", "北京", "广州", "深圳", "杭州")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=50_000)
    many = parser.parse_args().customers
    with database("teamwork", keep=False):
        measure(many)
    return 0


def measure(many: int) -> None:
    from django.db import connection
    from django.utils import timezone

    from furrow.campaigns.models import Target
    from furrow.campaigns.tests.make import make_campaign
    from furrow.customers.actions import bulk_create_customers
    from furrow.customers.models import Customer
    from furrow.customers.rules import CustomerDraft
    from furrow.followups.models import FollowUp
    from furrow.organisation.models import User
    from furrow.organisation.rules import Role
    from furrow.organisation.tests.make import make_agent, make_team, make_user
    from furrow.teamwork.actions import (
        deal_customers,
        hand_chunk,
        plan_handover,
        save_profile,
        start_handover,
    )
    from furrow.teamwork.queries.dealing import Offer, propose
    from furrow.teamwork.queries.handing import by_heir, first_touches
    from furrow.teamwork.rules import HandoverReason

    at = timezone.now()
    team, by = make_team(), make_user(role=Role.MANAGER)
    person, heirs = make_agent(team=team), [make_agent(team=team) for _ in range(40)]
    for place, heir in enumerate(heirs[:20]):
        accepts = {"city": [CITIES[place % 5], CITIES[(place + 1) % 5]]}
        save_profile(user=heir, share=100, most=None, accepts=accepts, by=by, at=at)
    began = time.perf_counter()
    people = bulk_create_customers(
        drafts=[
            CustomerDraft(name=f"客户{n}", numbers=(f"+86154{n:08d}",), city=CITIES[n % 5])
            for n in range(many)
        ],
        team=team, by=by, at=at,
    )  # fmt: skip
    ids = [customer.pk for customer in people]
    tell(f"{many:,} customers made in {time.perf_counter() - began:.1f} s")

    took: list[tuple[str, float]] = []

    def timed(what: str, began: float) -> None:
        took.append((what, time.perf_counter() - began))
        tell(f"{took[-1][1]:8.2f} s  {what}")

    began = time.perf_counter()
    offer = Offer(agents=heirs, seed=1)
    propose(ids[:20_000], offer, at=at)
    timed("20,000 dealt to 40, tried", began)
    began = time.perf_counter()
    deal_customers(customer_ids=ids[:20_000], offer=offer, by=by, at=at)
    timed("the same, done", began)

    Customer.objects.filter(pk__in=ids).update(owner=person, owned_since=at)
    due = at + timedelta(days=2)
    FollowUp.objects.bulk_create(
        [
            FollowUp(customer_id=pk, assigned_to=person, due_at=due, planned_at=at)
            for pk in ids
        ],
        batch_size=5000,
    )  # fmt: skip
    campaign = make_campaign(agent=person)
    Target.objects.bulk_create(
        [Target(campaign=campaign, customer_id=pk, agent=person) for pk in ids], batch_size=5000
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")

    began = time.perf_counter()
    handover = plan_handover(
        person=person, reason=HandoverReason.LEAVING, heirs=heirs, touch_days=3, seed=1, by=by,
        at=at,
    )  # fmt: skip
    timed(f"{many:,} planned to 40 heirs", began)
    began = time.perf_counter()
    start_handover(handover=handover, freezes=True, by=by, at=at)
    timed("the leaver out", began)
    began, chunks = time.perf_counter(), 0
    while hand_chunk(handover_id=handover.pk, at=at):
        chunks += 1
    timed(f"all handed over, in {chunks} transactions", began)
    began = time.perf_counter()
    by_heir(handover, at=at)
    timed("the page of progress", began)
    began = time.perf_counter()
    first_touches(by, mine=False)
    timed("the company's first touches", began)

    assert not Customer.objects.filter(owner=person).exists()
    assert not FollowUp.objects.filter(assigned_to=person).exists()
    assert not Target.objects.filter(agent=person).exists()
    assert not User.objects.get(pk=person.pk).is_active
    title = f"{many:,} customers of one person go over"
    tell_table(title, ["what", "seconds"], [[what, f"{seconds:.2f}"] for what, seconds in took])


if __name__ == "__main__":
    sys.exit(main())
