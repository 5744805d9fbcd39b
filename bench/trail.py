"""What an event of the audit trail costs beside the sealer; how fast the chain is made and checked.

    python bench/trail.py                     200,000 events
    python bench/trail.py --events 1000000    more

Eight writers write one event per transaction, as actions do; then the same while somebody seals as
fast as possible. Works in a database it drops.
"""

from __future__ import annotations

import argparse
import sys
import threading
import time

from measuring import database, percentile, tell_table

WRITERS = 8


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--written", type=int, default=500, help="by each writer")
    chosen = parser.parse_args()
    with database("trail", keep=False):
        from django.db import connection
        from django.utils import timezone

        from furrow.audit.actions import seal_events
        from furrow.audit.models import Seal
        from furrow.audit.queries import verify_chain

        fill(chosen.events)
        began = time.perf_counter()
        while seal_events(at=timezone.now()):
            pass
        sealing = time.perf_counter() - began
        began = time.perf_counter()
        verdict = verify_chain()
        verifying = time.perf_counter() - began
        assert verdict.broken is None, verdict
        rows = [
            ["seal a backlog", f"{chosen.events / sealing:,.0f} events/s", ""],
            ["verify", f"{chosen.events / verifying:,.0f} events/s", ""],
        ]
        for name, seals in (("write, nobody seals", False), ("write, always sealing", True)):
            links = Seal.objects.count()
            times, took = write(chosen.written, seals=seals)
            made = Seal.objects.count() - links
            rows.append([
                f"{name} ({made} links)",
                f"{len(times) / took:,.0f} events/s",
                f"p50 {percentile(times, 0.5):.2f} ms, p95 {percentile(times, 0.95):.2f} ms",
            ])  # fmt: skip
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_total_relation_size('audit_seal')::float"
                " / pg_total_relation_size('audit_event')"
            )
            rows.append(["size of the chain", f"{cursor.fetchone()[0]:.0%} of the trail's", ""])
        tell_table("The audit trail", ["what", "figure", "per event"], rows)
    return 0


def fill(events: int) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO audit_event (what, subject, who, at, request_id, details)"
            " SELECT 'call.placed', 'calls.Call:' || g, 'agent' || mod(g, 800),"
            " now() - g * interval '1 second', md5(g::text),"
            " jsonb_build_object('customer', g, 'campaign', mod(g, 9))"
            " FROM generate_series(1, %s) AS g",
            [events],
        )


def write(count: int, *, seals: bool) -> tuple[list[float], float]:
    """Milliseconds of each event's transaction, and the seconds all writers took."""
    from django.db import connection, transaction
    from django.utils import timezone

    from furrow.audit.actions import record, seal_events
    from furrow.audit.models import Event

    times: list[float] = []
    is_over = threading.Event()

    def writer() -> None:
        subject = Event(pk=1)
        for n in range(count):
            began = time.perf_counter()
            with transaction.atomic():
                record("call.placed", of=subject, by="agent1", at=timezone.now(), customer=n)
            times.append((time.perf_counter() - began) * 1000)
        connection.close()

    def sealer() -> None:
        while not is_over.is_set():
            seal_events(at=timezone.now())
        connection.close()

    began = time.perf_counter()
    threads = [threading.Thread(target=writer) for _writer in range(WRITERS)]
    beside = [threading.Thread(target=sealer)] if seals else []
    for thread in threads + beside:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - began
    is_over.set()
    for thread in beside:
        thread.join()
    return times, took


if __name__ == "__main__":
    sys.exit(main())
