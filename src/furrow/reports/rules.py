"""What stands out in a day: a sentence found by comparing, not by taste. No database, no clock."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import sqrt

from django.utils.translation import gettext as _

# Talk this long counts as a conversation; a shorter one is a "no" at the door.
CONVERSATION_SECONDS = 30

# A difference must be this many standard errors wide to be called one (about 1 in 100 by chance).
STANDS_OUT = 2.6
# …and the day must hold at least this many calls, before and now.
FEWEST_CALLS = 50
# Changes in volume below this share are ordinary.
ORDINARY_VOLUME = 0.15


@dataclass(frozen=True)
class Count:
    """Calls of one member of a dimension on one day. All whole numbers, >= 0."""

    attempts: int = 0
    answered: int = 0
    conversations: int = 0
    sold: int = 0
    promising: int = 0  # CP of 3 and more
    empty: int = 0  # numbers that do not exist
    talk_seconds: int = 0

    @property
    def contact_rate(self) -> float:
        """Answered by a person per call dialled; 0.0 without calls."""
        return self.answered / self.attempts if self.attempts else 0.0

    @property
    def conversation_rate(self) -> float:
        return self.conversations / self.answered if self.answered else 0.0

    @property
    def conversion(self) -> float:
        """Sales per conversation; 0.0 without conversations."""
        return self.sold / self.conversations if self.conversations else 0.0

    @property
    def empty_rate(self) -> float:
        return self.empty / self.attempts if self.attempts else 0.0

    @property
    def mean_talk_seconds(self) -> int:
        return round(self.talk_seconds / self.answered) if self.answered else 0


@dataclass(frozen=True)
class Day:
    """A day's counts: in all, and by agent, source, hour … (dimension -> member name -> count)."""

    total: Count
    by: Mapping[str, Mapping[str, Count]] = field(default_factory=dict)


def z_of(hits: int, of: int, hits_before: int, of_before: int) -> float:
    """How many standard errors two shares lie apart; positive when the first is larger.

    hits, of                successes and trials now; whole, 0 <= hits <= of
    hits_before, of_before  the same before
    returns                 0.0 where either has no trials or all trials agree

    Source: two-proportion z-test with pooled variance; Agresti (2018), An Introduction to
    Categorical Data Analysis, sec. 2.2.
    """
    if not of or not of_before:
        return 0.0
    pooled = (hits + hits_before) / (of + of_before)
    spread = sqrt(pooled * (1 - pooled) * (1 / of + 1 / of_before))
    return (hits / of - hits_before / of_before) / spread if spread else 0.0


@dataclass(frozen=True)
class Change:
    """One figure's change against the day compared with."""

    name: str
    now: float
    before: float
    z: float

    @property
    def points(self) -> float:
        """Percentage points."""
        return 100 * (self.now - self.before)


def changes(now: Count, before: Count) -> list[Change]:
    """The three rates, the widest change first."""
    found = [
        Change(
            _("contact rate"), now.contact_rate, before.contact_rate,
            z_of(now.answered, now.attempts, before.answered, before.attempts),
        ),
        Change(
            _("conversations per answered call"), now.conversation_rate, before.conversation_rate,
            z_of(now.conversations, now.answered, before.conversations, before.answered),
        ),
        Change(
            _("conversion"), now.conversion, before.conversion,
            z_of(now.sold, now.conversations, before.sold, before.conversations),
        ),
    ]  # fmt: skip
    return sorted(found, key=lambda change: -abs(change.z))


def responsible(now: Day, before: Day, dimension: str) -> tuple[str, float] | None:
    """Which member explains most of the change in contact rate, and which share of it.

    Answers gained or lost against the rate before: answered_i - attempts_i * overall rate before,
    minus the same for the day before per call. None when no member explains at least a third.
    """
    rate = before.total.contact_rate
    shift = now.total.answered - now.total.attempts * rate
    if not now.total.attempts or abs(shift) < 1:
        return None
    parts = {
        name: count.answered
        - count.attempts * before.by.get(dimension, {}).get(name, Count()).contact_rate
        if name in before.by.get(dimension, {})
        else count.answered - count.attempts * rate
        for name, count in now.by.get(dimension, {}).items()
    }
    if len(parts) < 2:
        return None
    name = max(parts, key=lambda member: parts[member] / shift)
    share = parts[name] / shift
    return (name, min(share, 1.0)) if share >= 1 / 3 else None


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def worst_list(day: Day) -> tuple[str, Count] | None:
    """A source whose numbers are empty far more often than the others'."""
    sources = day.by.get("source", {})
    for name, count in sorted(sources.items(), key=lambda item: -item[1].empty_rate):
        rest_empty = day.total.empty - count.empty
        rest = day.total.attempts - count.attempts
        is_worse = z_of(count.empty, count.attempts, rest_empty, rest) > STANDS_OUT
        if count.attempts >= FEWEST_CALLS // 2 and count.empty_rate > 0.08 and is_worse:
            return name, count
    return None


def headline(now: Day, before: Day | None) -> str:
    """The first sentence of a manager's day: what stands out, or that nothing does.

    before  the day compared with (the same weekday a week earlier), or None

    The widest change among the rates that chance hardly explains comes first, with the source,
    hour or agent that explains most of it; then a change of volume; then a bad list.
    """
    if not now.total.attempts:
        return _("No calls on this day.")
    parts: list[str] = []
    is_comparable = (
        before is not None
        and before.total.attempts >= FEWEST_CALLS
        and now.total.attempts >= FEWEST_CALLS
    )
    if before is not None and is_comparable:
        parts += _compared(now, before)
    if found := worst_list(now):
        name, count = found
        parts.append(
            _("%(share)s of the numbers in “%(list)s” do not exist.")
            % {"share": _percent(count.empty_rate), "list": name}
        )
    if not parts:
        parts.append(
            _("An ordinary day: %(calls)d calls, %(rate)s answered, %(sold)d sold.")
            % {
                "calls": now.total.attempts,
                "rate": _percent(now.total.contact_rate),
                "sold": now.total.sold,
            }
        )
    return " ".join(parts)


def _compared(now: Day, before: Day) -> Sequence[str]:
    parts: list[str] = []
    widest = changes(now.total, before.total)[0]
    if abs(widest.z) >= STANDS_OUT:
        words = {
            "what": widest.name,
            "before": _percent(widest.before),
            "now": _percent(widest.now),
        }
        said = (
            _("The %(what)s rose from %(before)s to %(now)s") % words
            if widest.z > 0
            else _("The %(what)s fell from %(before)s to %(now)s") % words
        )
        reason = ""
        if widest.name == _("contact rate"):
            for dimension in ("source", "hour", "agent"):
                if cause := responsible(now, before, dimension):
                    reason = _(", %(share)s of it through “%(name)s”") % {
                        "share": _percent(cause[1]), "name": cause[0],
                    }  # fmt: skip
                    break
        parts.append(_("%(said)s%(reason)s.") % {"said": said, "reason": reason})
    volume = now.total.attempts / before.total.attempts - 1
    if abs(volume) >= ORDINARY_VOLUME:
        told = {"calls": str(now.total.attempts), "share": _percent(abs(volume))}
        parts.append(
            _("%(calls)s calls, %(share)s more than a week earlier.") % told
            if volume > 0
            else _("%(calls)s calls, %(share)s fewer than a week earlier.") % told
        )
    return parts
