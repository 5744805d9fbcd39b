from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from furrow.campaigns.rules import DEFAULT_SLOTS, mix_order, slot_of


@pytest.mark.parametrize(
    ("minute", "slot"), [(540, 0), (719, 0), (720, 1), (1079, 2), (1080, 3), (100, 3)]
)
def test_the_part_of_the_day_a_minute_lies_in(minute: int, slot: int) -> None:
    assert slot_of(minute, DEFAULT_SLOTS) == slot


def test_lists_are_asked_first_in_proportion_to_their_shares() -> None:
    shares = {1: 60, 2: 30, 3: 10, 4: 0}

    first = Counter(mix_order(shares, draw / 1000)[0] for draw in range(1000))

    assert first == {1: 600, 2: 300, 3: 100}


@given(
    shares=st.dictionaries(st.integers(1, 9), st.integers(0, 100)),
    draw=st.floats(0, 1, exclude_max=True),
)
def test_every_list_is_asked_once(shares: dict[int, int], draw: float) -> None:
    assert sorted(mix_order(shares, draw)) == sorted(shares)
