"""How soon a segment's size is told while it is built, and a page of it comes, at five million.

    python bench/segments.py --customers 5000000

Customers of five cities in forty teams with stages, CP and touches, made by sets in a database of
its own, kept for the next time on the same day.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from datetime import timedelta

from measuring import database, percentile, tell, tell_table

TIMES = 10


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=5_000_000)
    many = parser.parse_args().customers
    with database(f"segments_{many}", keep=True) as is_new:
        if is_new:
            make(many)
        measure(many)
    return 0


def make(many: int) -> None:
    from company import _take_indexes
    from django.db import connection, transaction

    from furrow.organisation.tests.make import make_agent, make_team

    teams = [make_team() for _ in range(40)]
    agents = [make_agent(team=teams[n % 40]) for n in range(200)]
    began = time.perf_counter()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("SET LOCAL maintenance_work_mem = '1GB'")
        indexes = _take_indexes(cursor)
        cursor.execute(
            """INSERT INTO customers_customer (id, kind, name, city, address, email, category,
                   profile, team_id, owner_id, owned_since, created_at, last_touch_at, grams,
                   sort_key, name_key, address_key)
               SELECT i, CASE WHEN mod(i, 9) = 0 THEN 'organisation' ELSE 'person' END, 'n' || i,
                   (%(cities)s::text[])[1 + (hashint8(i) & 7)], '', '',
                   CASE WHEN mod(i, 1000) = 7 THEN 'rare' ELSE '' END, '{}',
                   (%(teams)s::bigint[])[1 + mod(i, 40)],
                   CASE WHEN mod(i, 10) < 6 THEN (%(agents)s::bigint[])[1 + mod(i, 200)] END,
                   CASE WHEN mod(i, 10) < 6 THEN now() END, now() - interval '100 days',
                   CASE WHEN mod(i, 3) = 0 THEN
                       now() - make_interval(days => mod(i, 90)::int) END,
                   ARRAY['n'], 'n' || i, 'n' || i, ''
               FROM generate_series(1, %(many)s) AS i""",
            {
                "many": many,
                "cities": ["深圳", "北京", "上海", "广州", "成都", "杭州", "苏州", "武汉"],
                "teams": [team.pk for team in teams],
                "agents": [agent.pk for agent in agents],
            },
        )
        cursor.execute(
            """INSERT INTO pipeline_standing (customer_id, stage, since, cp)
               SELECT i, CASE mod(i, 4) WHEN 0 THEN 'acquisition' WHEN 1 THEN 'retention'
                   ELSE 'screening' END, now(), CASE WHEN mod(i, 2) = 0 THEN mod(i / 7, 6) END
               FROM generate_series(1, %(many)s) AS i""",
            {"many": many},
        )
        for index in indexes:
            cursor.execute(index)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE customers_customer, pipeline_standing")
    tell(f"{many:,} customers made in {time.perf_counter() - began:.0f} s")


def measure(many: int) -> None:
    from django.http import QueryDict
    from django.utils import timezone

    from furrow.customers.models import Customer
    from furrow.customers.queries import filtered, page_of
    from furrow.customers.rules import Sort
    from furrow.organisation.rules import Role
    from furrow.organisation.tests.make import make_user
    from furrow.segments.actions import count_segment, save_segment
    from furrow.segments.models import Segment
    from furrow.segments.queries import chosen_by, size_of
    from furrow.segments.rules import Condition, Conditions

    at = timezone.now()
    Segment.objects.all().delete()  # of an earlier run
    by = make_user(role=Role.OPERATIONS)
    long_ago = (at - timedelta(days=60)).date().isoformat()
    either = (Condition("city", "深圳"), Condition("stage", "acquisition"))
    cases = {
        "one city": Conditions(((Condition("city", "深圳"),),)),
        "a stage and a CP": Conditions(
            ((Condition("stage", "acquisition"),), (Condition("cp", "4"),))
        ),
        "a city or a stage": Conditions((either,)),
        "a city or a stage, and not in a pool, and long untouched": Conditions(
            (either, (Condition("owner", "pool", True),), (Condition("untouched", long_ago),))
        ),
        "rare": Conditions(((Condition("category", "rare"),),)),
        "rare, not of a city": Conditions(
            ((Condition("category", "rare"),), (Condition("city", "深圳", True),))
        ),
        "nobody": Conditions(((Condition("category", "none"),), (Condition("cp", "5"),))),
    }
    sizes, pages = [], []
    for name, conditions in cases.items():
        waits, size = over(
            lambda c=conditions: size_of(chosen_by(c, Customer.objects.visible_to(by)))
        )
        segment = save_segment(name=name, conditions=conditions, by=by, at=at)
        began = time.perf_counter()
        exact = count_segment(segment_id=segment.pk, at=at)
        counted = time.perf_counter() - began
        told = f"{size.count:,}"
        if not size.is_exact:
            told = f"about {size.count:,} ({size.low:,} to {size.high:,})"
        sizes.append([name, told, f"{exact:,}", ms(waits, 0.5), ms(waits, 0.95), f"{counted:.1f}"])
        asked = QueryDict(f"segment={segment.pk}")
        for sort in Sort:
            waits, _page = over(lambda a=asked, s=sort: page_of(filtered(by, a), sort=s))
            pages.append([f"{name}: {sort}", ms(waits, 0.5), ms(waits, 0.95)])
        segment.delete()
    tell_table(
        f"The size of a segment while it is built, {many:,} customers",
        ["conditions", "told", "counted by the job", "ms p50", "ms p95", "the job, s"],
        sizes,
    )
    tell_table(f"A page of a segment, {many:,} customers", ["segment", "ms p50", "ms p95"], pages)


def over(work: Callable[[], object]):  # type: ignore[no-untyped-def]
    """How long each of TIMES took, and what came of the last."""
    waits = []
    for _turn in range(TIMES):
        began = time.perf_counter()
        answer = work()
        waits.append(time.perf_counter() - began)
    return waits, answer


def ms(waits: list[float], share: float) -> str:
    return f"{1000 * percentile(waits, share):.0f}"


if __name__ == "__main__":
    sys.exit(main())
