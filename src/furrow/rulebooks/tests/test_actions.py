"""Versions of rules, and nights that can be killed anywhere."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from django.db import ProgrammingError, transaction

from furrow.organisation.rules import Role
from furrow.organisation.tests.make import NOON, make_user
from furrow.rulebooks.actions import set_rules, walk
from furrow.rulebooks.models import RuleVersion, Run
from furrow.rulebooks.queries import body_at, every_version, last_run, rules_at
from furrow.rulebooks.rules import Book, CannotSetRules

DAY = timedelta(days=1)


def read(body: Mapping[str, Any], *, version: int) -> tuple[int, int]:
    if body["days"] < 1:
        raise ValueError("days: at least 1")
    return version, body["days"]


BOOK: Book[tuple[int, int]] = Book("test", rule="E2", default={"days": 7, "more": 1}, read=read)
pytestmark = pytest.mark.django_db


def test_each_time_has_the_rules_of_its_time() -> None:
    by = make_user(role=Role.MANAGER)
    assert rules_at(BOOK, NOON) == (0, 7)
    set_rules(book=BOOK, body={"days": 3, "more": 1}, note="sooner", by=by, at=NOON)
    set_rules(
        book=BOOK, body={"days": 5}, note="later again", from_at=NOON + DAY, by=by, at=NOON
    )  # fmt: skip
    other = Book("other", rule="C1", default={"days": 1}, read=read)
    assert rules_at(other, NOON) == (0, 1)
    assert [rules_at(BOOK, NOON + n * DAY / 2) for n in (-1, 0, 1, 2)] == [
        (0, 7), (1, 3), (1, 3), (2, 5)
    ]  # fmt: skip
    assert body_at(BOOK, NOON + DAY) == {"days": 5, "more": 1}
    assert every_version(BOOK) == {0: (0, 7), 1: (1, 3), 2: (2, 5)}


def test_rules_say_why_are_rules_and_never_begin_in_the_past() -> None:
    by = make_user(role=Role.MANAGER)
    wrong: list[dict[str, Any]] = [
        {"note": " "}, {"from_at": NOON - DAY}, {"body": {"days": 0}}
    ]  # fmt: skip
    for more in wrong:
        given: Any = {"body": {"days": 3}, "note": "why", **more}
        with pytest.raises(CannotSetRules):
            set_rules(book=BOOK, **given, by=by, at=NOON)
    version = set_rules(book=BOOK, body={"days": 3}, note="why", by=by, at=NOON)
    with pytest.raises(ProgrammingError), transaction.atomic():
        RuleVersion.objects.filter(pk=version.pk).update(note="other")


def test_a_walk_that_dies_goes_on_there_and_ends_once() -> None:
    seen: list[tuple[int, int]] = []

    def look(after: int, upto: int, at: Any) -> dict[str, int]:
        if len(seen) == 2 and after == 20:
            raise RuntimeError("killed")
        assert at == NOON
        seen.append((after, upto))
        return {"found": upto - after}

    def go(at: Any) -> Run | None:
        return walk(
            book=BOOK, version=0, on=NOON.date(), last=35, chunk=10, look=look, at=at
        )  # fmt: skip

    with pytest.raises(RuntimeError):
        go(NOON)
    run = last_run(BOOK)
    assert run is not None
    assert (run.done_to, run.finished_at) == (20, None)
    seen.append((0, 0))
    run = go(NOON + DAY / 24)
    assert run is not None
    assert (run.done_to, run.found, run.at) == (35, {"found": 35}, NOON)
    assert run.finished_at == NOON + DAY / 24
    assert go(NOON + DAY / 12) == run
    assert seen == [(0, 10), (10, 20), (0, 0), (20, 30), (30, 35)]
