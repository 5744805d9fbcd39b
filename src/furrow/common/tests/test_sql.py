import pghistory
import pytest

from furrow.common.sql import ask_together

pytestmark = pytest.mark.django_db


def test_statements_asked_together_answer_in_their_order() -> None:
    first, second = (
        ("SELECT %(n)s::int AS one", {"n": 1}),
        ("-- nothing\nSELECT n FROM generate_series(1, %(n)s) AS n", {"n": 2}),
    )

    assert ask_together(first, second) == [[(1,)], [(1,), (2,)]]
    with pghistory.context(user=1):  # which asks something of its own before each change
        assert ask_together(first, second) == [[(1,)], [(1,), (2,)]]
