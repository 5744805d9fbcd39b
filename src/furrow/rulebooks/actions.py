"""Putting rules in force, and applying them to everybody at night."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any
from zlib import crc32

from django.db import connection, transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from furrow.audit.actions import record
from furrow.organisation.actions import system_user
from furrow.organisation.models import User

from .models import RuleVersion, Run
from .rules import Book, CannotSetRules

_LOCKS = 0x52554E  # advisory locks: "RUN"
# Looks at the customers with ids in (after, upto], judged at an instant: what -> how many.
Look = Callable[[int, int, datetime], Mapping[str, int]]


@transaction.atomic
def set_rules(
    *,
    book: Book[Any],
    body: Mapping[str, Any],
    note: str,
    by: User,
    at: datetime,
    from_at: datetime | None = None,
) -> RuleVersion:
    """Put a book's rules in force, now or from a later instant.

    Raises CannotSetRules when the body is not a set of rules (naming what is wrong), says nothing
    about why, or would begin in the past.
    """
    begins_at = from_at or at
    if begins_at < at:
        raise CannotSetRules(_("Rules cannot begin in the past."), rule=book.rule)
    if not note.strip():
        raise CannotSetRules(_("Say why the rules change; it is kept with them."), rule=book.rule)
    try:
        book.read(body, version=0)
    except ValueError as wrong:
        raise CannotSetRules(str(wrong), rule=book.rule) from None
    with connection.cursor() as cursor:  # two people saving together
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_LOCKS, _key(book, "set")])
    latest = RuleVersion.objects.of(book.name).aggregate(most=Max("version"))["most"] or 0
    version = RuleVersion.objects.create(
        book=book.name, version=latest + 1, body=dict(body), note=note.strip()[:200], by=by,
        at=at, from_at=begins_at,
    )  # fmt: skip
    record(
        f"{book.name}.rules_set", of=version, by=by.username, at=at, version=version.version,
        from_at=begins_at,
    )  # fmt: skip
    return version


def walk(
    *,
    book: Book[Any],
    version: int,
    on: date,
    last: int,
    chunk: int,
    look: Look,
    before: Callable[[], object] = lambda: None,
    at: datetime,
) -> Run | None:
    """One night's look at everybody, in stretches of customer ids; the run as it is then.

    on      the company's day: a second walk of one day does nothing more
    last    the highest customer id
    chunk   ids looked at in one transaction, which also says where it ended: a walk that is killed
            goes on there, and judges by the instant at which it began
    before  asked each time first, under the same lock

    None while another process walks by this book.
    """
    keys = [_LOCKS, _key(book, "walk")]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", keys)
        if not cursor.fetchone()[0]:
            return None
    try:
        before()
        run, _made = Run.objects.get_or_create(
            book=book.name, on=on, defaults={"at": at, "rule_version": version}
        )
        return run if run.finished_at else _go_on(run, last=last, chunk=chunk, look=look, at=at)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s, %s)", keys)


def _go_on(run: Run, *, last: int, chunk: int, look: Look, at: datetime) -> Run:
    while run.done_to < last:
        with transaction.atomic():
            run = Run.objects.select_for_update().get(pk=run.pk)
            upto = min(run.done_to + chunk, last)
            for what, count in look(run.done_to, upto, run.at).items():
                run.found[what] = run.found.get(what, 0) + count
            run.done_to = upto
            run.save()
    with transaction.atomic():
        run.finished_at = at
        run.save(update_fields=["finished_at"])
        record(
            f"{run.book}.run", of=run, by=system_user().username, at=at,
            rule_version=run.rule_version, **run.found,
        )  # fmt: skip
    return run


def _key(book: Book[Any], purpose: str) -> int:
    """A lock's second number, the same in every process."""
    return crc32(f"{book.name} {purpose}".encode()) & 0x7FFF_FFFF
