"""Deciding while the data come in: pilots, A/B tests and numbers that wear out.

Looking again and again at a fixed-sample test finds differences that are not there. These tests
may be looked at after every call: their errors hold at whatever moment somebody stops.
Pure functions; no clock, no I/O.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

__all__ = [
    "Arm",
    "Comparison",
    "Verdict",
    "compare",
    "decay_step",
    "judge_pilot",
    "likely_range",
]


def decay_step(evidence: float, happened: bool, *, usual: float, fallen: float) -> float:
    """One step of Page's cumulative sum for a rate that falls from `usual` to `fallen`.

    evidence  what the step before returned; begins at 0.0; natural logarithm of a likelihood ratio
    happened  whether this trial succeeded
    usual     the healthy rate, 0 < usual < 1
    fallen    the rate to be found, 0 < fallen < usual
    returns   the evidence now, >= 0. An alarm at h is false once in e^h healthy trials or more on
              average, and comes about h / KL(fallen, usual) trials after a real fall. O(1).

    Raises ValueError outside those ranges.
    Source: Page (1954), Continuous inspection schemes, Biometrika 41; the bound: Lorden (1971).
    """
    if not 0 < fallen < usual < 1:
        raise ValueError(f"rates out of range: {usual=}, {fallen=}")
    step = math.log(fallen / usual) if happened else math.log((1 - fallen) / (1 - usual))
    return max(0.0, evidence + step)


@dataclass(frozen=True)
class Arm:
    """One side of a comparison: `successes` of `trials`, both whole, 0 <= successes <= trials."""

    trials: int
    successes: int

    @property
    def rate(self) -> float:
        return self.successes / self.trials if self.trials else 0.0


@dataclass(frozen=True)
class Comparison:
    """How two arms stand, valid whenever it is looked at.

    p_value  always-valid: the chance, were there no difference, of ever seeing evidence as strong
    low, high  the difference second - first lies between, at confidence 1 - alpha, at all times
    """

    difference: float
    p_value: float
    low: float
    high: float

    def is_decided(self, alpha: float = 0.05) -> bool:
        return self.p_value <= alpha


def compare(first: Arm, second: Arm, *, alpha: float = 0.05, spread: float = 0.05) -> Comparison:
    """The mixture sequential probability ratio test of two rates (mSPRT).

    alpha   error of the interval, 0 to 1
    spread  how large a difference is thought usual, as a standard deviation; a wrong guess costs
            power, never the error
    returns the comparison; p 1.0 and the whole range while an arm has under 5 trials. O(1).

    Normal approximation with a variance pooled over both arms and kept from 0 by half a success.
    Source: Johari, Koomen, Pekelis, Walsh (2022), Always Valid Inference, Operations Research
    70(3), eq. 9; Robbins (1970) for the mixture.
    """
    if min(first.trials, second.trials) < 5:
        return Comparison(second.rate - first.rate, 1.0, -1.0, 1.0)
    trials = first.trials + second.trials
    pooled = (first.successes + second.successes + 0.5) / (trials + 1)
    variance = pooled * (1 - pooled) * (1 / first.trials + 1 / second.trials)
    difference = second.rate - first.rate
    mixed = spread**2
    log_ratio = 0.5 * math.log(variance / (variance + mixed)) + (
        mixed * difference**2 / (2 * variance * (variance + mixed))
    )
    p_value = min(1.0, math.exp(-log_ratio)) if log_ratio > -700 else 1.0
    half = math.sqrt(
        2
        * variance
        * (variance + mixed)
        / mixed
        * (math.log(1 / alpha) + 0.5 * math.log((variance + mixed) / variance))
    )
    return Comparison(
        difference, p_value, max(-1.0, difference - half), min(1.0, difference + half)
    )


def likely_range(arm: Arm, *, alpha: float = 0.05) -> tuple[float, float]:
    """Between what the true rate lies at all times at once, with confidence 1 - alpha.

    The rates p whose Bernoulli likelihood, against a uniform mixture over all rates, is not below
    alpha: a martingale, so Ville's inequality holds it at every look. Bisection, 40 steps.
    Source: Ville (1939); Robbins and Siegmund (1970), Boundary crossing probabilities.
    """
    n, k = arm.trials, arm.successes
    if n == 0:
        return 0.0, 1.0
    log_mixture = math.lgamma(k + 1) + math.lgamma(n - k + 1) - math.lgamma(n + 2)

    def is_out(p: float) -> bool:
        against = (k * math.log(p) if k else 0.0) + ((n - k) * math.log1p(-p) if n > k else 0.0)
        return log_mixture - against > math.log(1 / alpha)

    tiny = 1e-12
    low = 0.0 if k == 0 else _edge(is_out, tiny, k / n)
    high = 1.0 if k == n else _edge(is_out, 1 - tiny, k / n)
    return low, high


def _edge(is_out: Callable[[float], bool], outside: float, inside: float) -> float:
    """Where `is_out` turns, between a point outside and one inside."""
    for _step in range(40):
        middle = (outside + inside) / 2
        if is_out(middle):
            outside = middle
        else:
            inside = middle
    return inside


class Verdict(StrEnum):
    """What a pilot says by now."""

    WAIT = "wait"  # too early to tell
    GO = "go"  # surely at least good enough
    CHANGE = "change"  # the sample is used up between good and bad
    STOP = "stop"  # surely too bad


def judge_pilot(arm: Arm, *, good: float, bad: float, size: int, alpha: float = 0.05) -> Verdict:
    """Go, change or stop a pilot, by an interval that may be looked at after every call.

    good, bad  rates, 0 <= bad < good <= 1: at `good` it pays to roll out; at `bad` it does not pay
    size       the trial's stated size, calls
    returns    STOP once the rate surely lies under `good`, GO once surely over `bad`; both at once
               means between the two: CHANGE, as when the size is used up undecided.

    The chance ever to say GO at a rate of `bad` or less, or STOP at `good` or more, is at most
    alpha each, however often one looks. Raises ValueError when bad >= good.
    """
    if not 0 <= bad < good <= 1:
        raise ValueError(f"rates out of order: {bad=}, {good=}")
    low, high = likely_range(arm, alpha=alpha)
    over_bad, under_good = low > bad, high < good
    if over_bad and under_good:
        return Verdict.CHANGE
    if under_good:
        return Verdict.STOP
    if over_bad:
        return Verdict.GO
    return Verdict.CHANGE if arm.trials >= size else Verdict.WAIT
