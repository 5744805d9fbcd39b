import pytest
from hypothesis import given
from hypothesis import strategies as st

from furrow.segments.rules import (
    CannotSave,
    Condition,
    Conditions,
    Need,
    Pace,
    check_conditions,
    estimated,
    need_for,
)

PACE = Pace(attempts=2.0, calls_per_day=100.0, is_measured=True)


@given(st.integers(1, 20_000), st.data(), st.integers(1, 10**7))
def test_an_estimate_lies_within_its_range(looked_at: int, data: st.DataObject, of: int) -> None:
    hits = data.draw(st.integers(0, looked_at))
    size = estimated(hits=hits, looked_at=looked_at, of=of)
    assert 0 <= size.low <= size.count <= size.high <= of
    assert not size.is_exact
    if hits:
        fewer = estimated(hits=hits - 1, looked_at=looked_at, of=of)
        assert fewer.count <= size.count
        assert fewer.high <= size.high


def test_of_none_among_many_it_says_at_most() -> None:
    size = estimated(hits=0, looked_at=20_000, of=5_000_000)
    assert (size.count, size.low) == (0, 0)
    assert 700 < size.high < 1000


@pytest.mark.parametrize(
    ("size", "agents", "days", "need"),
    [
        (4200, None, 6, Need(14, 6)),  # 84 agent days
        (4201, None, 6, Need(15, 6)),
        (4200, 14, None, Need(14, 6)),
        (0, None, 5, Need(1, 5)),
        (10, 3, None, Need(3, 1)),
    ],
)
def test_size_against_capacity(size: int, agents: int, days: int, need: Need) -> None:
    assert need_for(size, PACE, agents=agents, days=days) == need


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(1, 300))
def test_more_customers_never_take_less(size: int, more: int, days: int) -> None:
    assert need_for(size + more, PACE, days=days).agents >= need_for(size, PACE, days=days).agents


def test_conditions_survive_being_stored() -> None:
    conditions = Conditions(
        ((Condition("city", "深圳"), Condition("cp", "3", True)), (Condition("stage", "x"),))
    )
    assert Conditions.read(conditions.stored) == conditions


@pytest.mark.parametrize(
    "conditions",
    [
        Conditions(),
        Conditions(((Condition("city", ""),),)),
        Conditions(((Condition("nonsense", "1"),),)),
        Conditions(((Condition("segment", "1"),),)),
        Conditions(((Condition("city", "x"),),) * 7),
        Conditions(((Condition("city", "x"),) * 9,)),
    ],
)
def test_what_says_nothing_or_too_much_is_no_segment(conditions: Conditions) -> None:
    with pytest.raises(CannotSave):
        check_conditions(conditions, known={"city"})
