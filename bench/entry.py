"""How long a typist waits for likely duplicates, and how fast a run over all customers goes.

    python bench/entry.py                       five million customers
    python bench/entry.py --customers 200000    fewer

Makes its own customers: names as frequent as real ones, ten big cities, half of them with an
address; one in a hundred is recorded twice, with another number and the same birthday. Times are
the server's own, for the whole answer as the browser asks for it. Works in a database it drops.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from random import Random

from company import _take_indexes
from imports import CITIES, GIVEN, ROADS, SURNAMES
from measuring import (
    database,
    machine,
    percentile,
    postgres_server,
    processor_seconds,
    running,
    session_of,
    tell,
    tell_table,
)
from pages import Ask, Web

NAMES = 200_000
PLANTED = 100  # one customer in so many is recorded twice
TYPISTS = 200


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=5_000_000)
    parser.add_argument("--asked", type=int, default=2000)
    parser.add_argument("--no-run", action="store_true", help="leave the run over all out")
    chosen = parser.parse_args()
    with database("entry", keep=False):
        from django.utils import timezone

        from furrow.organisation.models import Team
        from furrow.organisation.tests.make import make_user

        tell(machine())
        began = time.perf_counter()
        team = Team.objects.create(name="bench")
        sessions = [session_of(make_user(team=team)) for _typist in range(TYPISTS)]
        fill(chosen.customers, at=timezone.now())
        tell(f"{chosen.customers:,} customers made in {time.perf_counter() - began:.0f} s")
        with running("web") as (port, process):
            ask(Web(port), sessions, chosen.customers, chosen.asked, process)
        if not chosen.no_run:
            run()
    return 0


def fill(customers: int, *, at: datetime) -> None:
    """Everybody in the company's pool, in sets; indexes are built afterwards."""
    from django.db import connection, transaction

    from furrow.common.text import grams, pinyin_key
    from furrow.science.linkage.addresses import address_key
    from furrow.science.linkage.names import name_key

    random = Random(3)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("SET LOCAL maintenance_work_mem = '1GB'")
        cursor.execute(
            "CREATE TEMPORARY TABLE names (k bigint PRIMARY KEY, name text, grams text[],"
            " sort_key text, name_key text)"
        )
        with cursor.copy("COPY names FROM STDIN") as copy:
            for k, name in enumerate(_names(random)):
                copy.write_row((k, name, grams(name), pinyin_key(name), name_key(name)))
        cursor.execute("CREATE TEMPORARY TABLE roads (r bigint PRIMARY KEY, road text, key text)")
        with cursor.copy("COPY roads FROM STDIN") as copy:
            for r, road in enumerate(ROADS):
                copy.write_row((r, road, address_key(f"{road}7号").replace("7", "#")))
        indexes = _take_indexes(cursor)
        cursor.execute(_CUSTOMERS, {"n": customers, "at": at, "cities": CITIES, "names": NAMES})
        cursor.execute(_NUMBERS, {"n": customers, "at": at})
        for index in indexes:
            cursor.execute(index)
        for table in ("customers_customer", "customers_number"):
            cursor.execute(
                f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id)) FROM {table}"
            )
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE customers_customer")
        cursor.execute("VACUUM ANALYZE customers_number")


def _names(random: Random) -> Iterator[str]:
    """Common surnames are common: half of all people share the first ten."""
    for _k in range(NAMES):
        surname = SURNAMES[min(int(random.expovariate(0.09)), len(SURNAMES) - 1)]
        yield surname + "".join(random.choices(GIVEN, k=random.choice((1, 2, 2, 2))))


# Who is recorded twice comes right after the first record: i and i + 1 for i mod 100 = 0.
_CUSTOMERS = """
INSERT INTO customers_customer (id, kind, name, city, address, email, category, profile, grams,
                                sort_key, name_key, address_key, created_at)
SELECT i, 'person', names.name, (%(cities)s::text[])[1 + mod(h, 10)],
       CASE WHEN mod(h, 2) = 0 THEN roads.road || mod(h / 7, 900) || '号' ELSE '' END, '', '',
       jsonb_build_object('birthday', (date '1950-01-01' + mod(h / 3, 18000)::int)::text),
       names.grams, names.sort_key, names.name_key,
       CASE WHEN mod(h, 2) = 0 THEN replace(roads.key, '#', mod(h / 7, 900)::text) ELSE '' END,
       %(at)s
FROM generate_series(1, %(n)s) AS i
CROSS JOIN LATERAL (
    SELECT hashint8extended(CASE mod(i, 100) WHEN 1 THEN i - 1 ELSE i END, 1) & 4503599627370495
) AS hashed(h)
JOIN names ON names.k = mod(h / 11, %(names)s)
JOIN roads ON roads.r = mod(h / 13, (SELECT count(*) FROM roads))
"""
_NUMBERS = """
INSERT INTO customers_number (id, customer_id, e164, last4, extension, label, region, time_zone,
                              is_primary, created_at)
SELECT i, i, '+86' || n, right(n::text, 4), '', '', 'CN', 'Asia/Shanghai', true, %(at)s
FROM generate_series(1, %(n)s) AS i
CROSS JOIN LATERAL (SELECT 13000000000 + mod(i * 48271::bigint, 999999937)) AS spread(n)
"""


def ask(web: Web, sessions: list[str], customers: int, times: int, process: int) -> None:
    """What is asked while somebody types: a name alone, then with a number, known or not."""
    from furrow.customers.models import Customer
    from furrow.linkage.rules import MOST_LOOKUPS

    random, server = Random(4), postgres_server()
    times = min(times, TYPISTS * MOST_LOOKUPS // 4)
    rows = []
    for told, fields in {
        "a name": ("name",),
        "name, number": ("name", "numbers"),
        "name, number, address": ("name", "numbers", "city", "address"),
    }.items():
        took, began = [], processor_seconds(process, server)
        for turn in range(times):
            one = Customer.objects.get(pk=random.randrange(1, customers + 1))
            number = one.numbers.get().e164 if turn % 2 else f"+86199{random.randrange(10**8):08d}"
            form = {"name": one.name, "numbers": number, "city": one.city, "address": one.address}
            cookie = {"Cookie": sessions[turn % len(sessions)]}
            asked = Ask("/customers/likely/", cookie, {name: form[name] for name in fields})
            answer = web.ask(asked)
            if turn >= 50:
                took.append(answer.server_ms)
        busy = (processor_seconds(process, server) - began) / times * 1000
        shares = (f"{percentile(took, share):.1f}" for share in (0.5, 0.95, 0.99))
        rows.append((told, *shares, f"{busy:.1f}"))
    head = ("typed", "p50", "p95", "p99", "of the processors, with what the bench asks itself")
    tell_table(f"Likely duplicates among {customers:,}, ms", head, rows)


def run() -> None:
    from django.utils import timezone

    from furrow.linkage.actions import start_run, take_step
    from furrow.linkage.models import Pair
    from furrow.organisation.actions import system_user

    work = start_run(by=system_user(), at=timezone.now())
    began, longest, before = time.perf_counter(), 0.0, time.perf_counter()
    while take_step(run_id=work.pk, at=timezone.now()):
        now = time.perf_counter()
        longest, before = max(longest, now - before), now
    seconds = time.perf_counter() - began
    work.refresh_from_db()
    planted = work.customers // PLANTED
    found = sum(
        right == left + 1 and left % PLANTED == 0
        for left, right in Pair.objects.values_list("left_id", "right_id").iterator()
    )
    tell(
        f"A run over {work.customers:,}: {seconds:.0f} s, {work.customers / seconds:,.0f} a second,"
        f" longest step {longest:.1f} s; {work.found:,} pairs to judge, among them {found:,} of the"
        f" {planted:,} planted."
    )


if __name__ == "__main__":
    sys.exit(main())
