"""Shares come out exact, nothing is dealt twice or lost, nobody gets more than fits."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from furrow.science.allocation import Taker, deal, levels, split

VALUES = ("a", "b", "c")
values = st.sampled_from(VALUES)
traits = st.dictionaries(st.sampled_from(["region", "language"]), values, max_size=2)
accepts = st.dictionaries(
    st.sampled_from(["region", "language"]), st.frozensets(values, min_size=1), max_size=2
)


@st.composite
def some_takers(draw: st.DrawFn) -> list[Taker]:
    return [
        Taker(
            id=pk,
            share=draw(st.integers(0, 5)),
            room=draw(st.integers(0, 6)),
            had=draw(st.integers(0, 4)),
            accepts=draw(accepts),
            closed=draw(st.sampled_from(["", "", "", "absent"])),
        )
        for pk in range(draw(st.integers(0, 5)))
    ]


def some_items(most: int = 16) -> st.SearchStrategy[list[tuple[int, dict[str, str]]]]:
    return st.lists(traits, max_size=most).map(lambda many: list(enumerate(many)))


@pytest.mark.parametrize(
    ("amount", "weights", "parts"),
    [
        (100, [1, 1, 1], [34, 33, 33]),
        (10_001, [7000, 3000], [7001, 3000]),  # cents: 70 % and 30 %
        (0, [1, 2], [0, 0]),
        (3, [0, 1], [0, 3]),
    ],
)
def test_split(amount: int, weights: list[int], parts: list[int]) -> None:
    assert split(amount, weights) == parts


@given(
    amount=st.integers(0, 10**15),
    weights=st.lists(st.integers(0, 10**6), min_size=1).filter(lambda many: sum(many) > 0),
)
def test_parts_sum_exactly_and_are_off_by_less_than_one(amount: int, weights: list[int]) -> None:
    parts = split(amount, weights)

    assert sum(parts) == amount
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part * sum(weights) - amount * weight) < sum(weights)


@pytest.mark.parametrize("weights", [[], [0, 0], [-1, 3]])
def test_weights_that_say_nothing_are_refused(weights: list[int]) -> None:
    with pytest.raises(ValueError, match="weights"):
        split(5, weights)


@pytest.mark.parametrize(
    ("amount", "takers", "given"),
    [
        (10, [Taker(1), Taker(2)], [5, 5]),
        (10, [Taker(1, share=3), Taker(2)], [8, 2]),
        (10, [Taker(1, room=2), Taker(2)], [2, 8]),
        (10, [Taker(1, room=2), Taker(2, room=3)], [2, 3]),
        (4, [Taker(1, had=10), Taker(2)], [0, 4]),  # the second catches up
        (10, [Taker(1, had=4), Taker(2)], [3, 7]),
        (10, [Taker(1, closed="absent"), Taker(2)], [0, 10]),
        (10, [Taker(1, share=0)], [0]),
    ],
)
def test_levels(amount: int, takers: list[Taker], given: list[int]) -> None:
    assert levels(amount, takers) == given


@given(amount=st.integers(0, 60), takers=some_takers())
def test_levels_fill_what_room_there_is_and_raise_the_lowest_first(
    amount: int, takers: list[Taker]
) -> None:
    got = levels(amount, takers)

    able = [t for t in takers if t.share and not t.closed]
    assert sum(got) == min(amount, sum(t.room for t in able))
    for taker, more in zip(takers, got, strict=True):
        assert 0 <= more <= (taker.room if taker in able else 0)
    # Nobody who got something stands a whole item higher than somebody who had room for it.
    for mine, more in zip(takers, got, strict=True):
        for other, theirs in zip(takers, got, strict=True):
            if more and other in able and theirs < other.room:
                lower = (mine.had + more - 1) / mine.share
                assert lower <= (other.had + theirs + 1) / other.share + 1e-9


@given(items=some_items(), takers=some_takers(), seed=st.integers(0, 5))
def test_none_twice_none_lost_room_kept_and_everybody_suits(
    items: list[tuple[int, dict[str, str]]], takers: list[Taker], seed: int
) -> None:
    dealt = deal(items, takers, seed=seed)

    assert dealt.given.keys() | dealt.left.keys() == {pk for pk, _traits in items}
    assert not dealt.given.keys() & dealt.left.keys()
    by_id = {taker.id: taker for taker in takers}
    for pk, said in items:
        if pk in dealt.given:
            assert by_id[dealt.given[pk]].why_not(said) == ""
        else:
            assert dealt.left[pk].keys() == by_id.keys()
            assert all(dealt.left[pk].values())
    for pk, many in Counter(dealt.given.values()).items():
        assert many <= by_id[pk].room


def _most_placed(items: list[tuple[int, dict[str, str]]], takers: list[Taker]) -> int:
    """By Kuhn's matching, item by item, each taker standing `room` times."""
    seats = [taker for taker in takers for _ in range(taker.room)]
    holder: dict[int, int] = {}

    def seat(item: int, tried: set[int]) -> bool:
        for place, taker in enumerate(seats):
            if place in tried or taker.why_not(items[item][1]):
                continue
            tried.add(place)
            if place not in holder or seat(holder[place], tried):
                holder[place] = item
                return True
        return False

    return sum(seat(item, set()) for item in range(len(items)))


@given(items=some_items(12), takers=some_takers())
def test_no_item_is_left_that_any_rearrangement_would_place(
    items: list[tuple[int, dict[str, str]]], takers: list[Taker]
) -> None:
    assert len(deal(items, takers).given) == _most_placed(items, takers)


@given(
    amount=st.integers(0, 200),
    shares=st.lists(st.integers(1, 9), min_size=1, max_size=8),
    seed=st.integers(0, 9),
)
def test_where_everybody_suits_the_shares_are_exact(
    amount: int, shares: list[int], seed: int
) -> None:
    takers = [Taker(pk, share=share) for pk, share in enumerate(shares)]

    counts = Counter(deal([(pk, {}) for pk in range(amount)], takers, seed=seed).given.values())

    exact = [amount * share / sum(shares) for share in shares]
    assert all(abs(counts[pk] - part) < 1 for pk, part in enumerate(exact))
    assert (
        sorted(counts[pk] for pk in range(len(shares))) == sorted(split(amount, shares))
        or len(set(shares)) > 1
    )


@given(items=some_items(), takers=some_takers())
def test_the_same_input_gives_the_same_deal(
    items: list[tuple[int, dict[str, str]]], takers: list[Taker]
) -> None:
    assert deal(items, takers, seed=3) == deal(items, takers, seed=3)


def test_the_best_are_spread_evenly() -> None:
    dealt = deal([(pk, {}) for pk in range(9)], [Taker(1, share=2), Taker(2)], seed=1)

    for first in range(0, 9, 3):
        assert sorted(dealt.given[pk] for pk in range(first, first + 3)) == [1, 1, 2]


def test_somebody_moves_over_for_one_whom_only_they_suit() -> None:
    both = Taker(1, room=1)
    picky = Taker(2, room=1, accepts={"language": frozenset({"a"})})

    dealt = deal([(1, {"language": "a"}), (2, {"language": "b"})], [both, picky])

    assert dealt.given == {1: 2, 2: 1}


def test_why_not_names_what_speaks_against_each_taker() -> None:
    takers = [
        Taker(1, closed="absent"),
        Taker(2, share=0),
        Taker(3, accepts={"region": frozenset({"上海"})}),
        Taker(4, room=0),
    ]

    dealt = deal([(7, {"region": "深圳"})], takers)

    assert dealt.left == {7: {1: "absent", 2: "share", 3: "region", 4: "full"}}


def test_an_id_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="twice"):
        deal([(1, {}), (1, {})], [Taker(1)])
