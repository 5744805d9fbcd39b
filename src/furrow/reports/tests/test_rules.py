from hypothesis import given
from hypothesis import strategies as st

from furrow.reports.rules import (
    STANDS_OUT,
    Count,
    Day,
    changes,
    headline,
    responsible,
    worst_list,
    z_of,
)


def day(attempts: int, answered: int, **by: dict[str, Count]) -> Day:
    total = Count(attempts=attempts, answered=answered, conversations=answered // 2, sold=5)
    return Day(total, by)


def test_z_of_a_known_example() -> None:
    """Aspirin trial: 189 of 11034 against 104 of 11037 (Agresti 2018, sec. 2.2)."""
    assert round(z_of(189, 11034, 104, 11037), 1) == 5.0


@given(
    of=st.integers(1, 500),
    before=st.integers(1, 500),
    share=st.floats(0, 1),
)
def test_equal_shares_never_stand_out(of: int, before: int, share: float) -> None:
    hits, hits_before = round(of * share), round(before * share)

    assert abs(z_of(hits, of, hits_before, before)) < STANDS_OUT


@given(st.integers(0, 50), st.integers(0, 50), st.integers(0, 50), st.integers(0, 50))
def test_z_turns_its_sign_when_the_days_are_swapped(a: int, b: int, c: int, d: int) -> None:
    hits, of, hits_before, of_before = min(a, b), max(a, b), min(c, d), max(c, d)

    assert z_of(hits, of, hits_before, of_before) == -z_of(hits_before, of_before, hits, of)


def test_no_trials_is_no_difference() -> None:
    assert z_of(0, 0, 5, 10) == 0.0


def test_the_sentence_names_the_fall_and_the_list_behind_it() -> None:
    before = day(
        1000, 310,
        source={"A": Count(500, 155), "B": Count(500, 155)},
    )  # fmt: skip
    now = day(
        1000, 220,
        source={"A": Count(500, 155), "B": Count(500, 65, empty=120)},
    )  # fmt: skip

    said = headline(now, before)

    assert "fell from 31 % to 22 %" in said
    assert "“B”" in said


def test_noise_is_an_ordinary_day() -> None:
    assert headline(day(1000, 305), day(1000, 310)).startswith("An ordinary day")


def test_few_calls_say_nothing_about_rates() -> None:
    assert headline(day(20, 1), day(20, 12)).startswith("An ordinary day")


def test_a_day_without_calls_says_so() -> None:
    assert headline(Day(Count()), None) == "No calls on this day."


def test_a_large_change_of_volume_is_said() -> None:
    assert "25 % fewer" in headline(day(750, 232), day(1000, 310))


def test_nobody_is_responsible_for_a_change_spread_evenly() -> None:
    members = {f"agent {n}": Count(100, 31) for n in range(10)}
    fewer = {name: Count(100, 22) for name in members}

    assert responsible(day(1000, 220, agent=fewer), day(1000, 310, agent=members), "agent") is None


def test_a_list_of_empty_numbers_stands_out_even_without_a_day_to_compare() -> None:
    now = Day(
        Count(400, 100, empty=42),
        {"source": {"good": Count(300, 80, empty=2), "bad": Count(100, 20, empty=40)}},
    )

    found = worst_list(now)

    assert found is not None
    assert found[0] == "bad"
    assert "40 %" in headline(now, None)


def test_the_widest_change_comes_first() -> None:
    now, before = Count(1000, 220, 110, 11), Count(1000, 310, 155, 15)

    assert abs(changes(now, before)[0].z) >= abs(changes(now, before)[1].z)
