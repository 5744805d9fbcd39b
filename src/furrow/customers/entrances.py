"""Somebody tries to record a customer who is known already: higher capabilities may listen.

First come, first owned (B3): the attempt is refused, and what becomes of it is theirs to say.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from furrow.organisation.models import User

from .rules import NumberTaken

# (customer, entrance, by, at) -> a sentence for the one who tried; "" = nothing to say
Hearer = Callable[[int, str, User, datetime], str]

_hearers: list[Hearer] = []


def declare_hearer(hear: Hearer) -> None:
    """Be told of every attempt to record somebody known; `hear` may write."""
    if hear not in _hearers:
        _hearers.append(hear)


@contextmanager
def attempting(entrance: str, *, by: User, at: datetime) -> Iterator[None]:
    """Around recording a customer at an edge. If a number is taken, nothing of it was written;
    then those who listen are told, and the refusal says what they say."""
    try:
        yield
    except NumberTaken as taken:
        if taken.customer_id is None:
            raise
        said = [hear(taken.customer_id, entrance, by, at) for hear in _hearers]
        taken.message = " ".join(sentence for sentence in [taken.message, *said] if sentence)
        raise
