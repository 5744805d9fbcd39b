"""How likely customers are to buy: whoever learns it says so, declared from their `apps.py`."""

from collections.abc import Callable, Mapping, Sequence

# Ids -> id -> probability of buying, 0 to 1, as learned last; whom nothing is known of is absent.
Likelihood = Callable[[Sequence[int]], Mapping[int, float]]

_declared: list[Likelihood] = []


def declare_likelihood(of: Likelihood) -> None:
    """Let lists be judged by how likely their customers are to buy. One query for some thousands
    of ids."""
    _declared[:] = [of]


def likelihoods(ids: Sequence[int]) -> Mapping[int, float]:
    """Empty where nobody has learned anything yet."""
    return _declared[0](ids) if _declared else {}
