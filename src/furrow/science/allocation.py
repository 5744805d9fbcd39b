"""Who gets what: many items dealt to a few takers, by share, within room and suitability.

`split` cuts a whole number by weights so that the parts sum to it exactly. `deal` goes further:
items differ (region, language, stage …), takers accept only some of them and have only so much
room, and some had their part before. In three steps: `levels` says how many each taker should get
if everybody suited; a flow gives each kind of item to takers who accept it, up to those numbers;
what is left goes, share by share, wherever there is room, and items already placed move over where
that makes room for one that nobody else can take. So no item is left while any rearrangement would
place it, and where everybody suits, the numbers are exactly the shares.
"""

from collections import deque
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from random import Random


def split(amount: int, weights: Sequence[int]) -> list[int]:
    """Whole parts of `amount`, proportional to `weights`, that sum to it exactly.

    amount   whole, >= 0 (cents, customers, …)
    weights  whole, >= 0, not all 0
    returns  each exact part rounded down or up; the largest remainders are rounded up, equal ones
             in the order given. O(n log n), exact arithmetic.

    Raises ValueError outside those ranges. Source: Hamilton's method of largest remainders.
    """
    whole = sum(weights)
    if amount < 0 or whole <= 0 or min(weights) < 0:
        raise ValueError("an amount >= 0 and weights >= 0 that are not all 0")
    parts = [amount * weight // whole for weight in weights]
    remainders = [amount * weight % whole for weight in weights]
    by_remainder = sorted(range(len(parts)), key=lambda i: -remainders[i])
    for i in by_remainder[: amount - sum(parts)]:
        parts[i] += 1
    return parts


@dataclass(frozen=True)
class Taker:
    """Somebody who may be given items.

    share    weight against the other takers; whole, >= 0; 0 takes nothing
    room     the most that may be given now; whole, >= 0
    had      what this taker was given before and that counts towards the share; whole, >= 0
    accepts  trait -> the values it suits; a trait that is absent suits with every value
    closed   why this taker gets nothing at all; "" = open
    """

    id: int
    share: int = 1
    room: int = 10**9
    had: int = 0
    accepts: Mapping[str, frozenset[str]] = field(default_factory=dict)
    closed: str = ""

    def why_not(self, traits: Mapping[str, str]) -> str:
        """The first thing that speaks against an item: `closed`, "share", or a trait's name; ""
        if it suits. An item without a value for a trait suits everybody."""
        if self.closed or not self.share:
            return self.closed or "share"
        for name, values in self.accepts.items():
            said = traits.get(name, "")
            if said and said not in values:
                return name
        return ""


@dataclass(frozen=True)
class Deal:
    """given  item -> taker's id; left  item -> taker's id -> why not ("full" if it suits)."""

    given: dict[int, int]
    left: dict[int, dict[int, str]]


def levels(amount: int, takers: Sequence[Taker]) -> list[int]:
    """How many of `amount` equal items each taker should get, as fair as room and past allow.

    Each has room for so many, and what it had counts: the level rises evenly, by share, from what
    each had up to its room. returns whole numbers, each 0 to room, that sum to
    min(amount, all room); without past and with room enough they are `split` by share.
    O(n log n), exact. Raises ValueError for amount < 0.
    """
    if amount < 0:
        raise ValueError("an amount >= 0")
    able = [i for i, taker in enumerate(takers) if taker.share and not taker.closed and taker.room]
    given = [0] * len(takers)
    amount = min(amount, sum(takers[i].room for i in able))
    if not amount:
        return given
    # At water level h, taker i holds share * h, but at least what it had and at most had + room.
    wanted = amount + sum(takers[i].had for i in able)
    steps = sorted(
        {
            Fraction(t.had + extra, t.share)
            for i in able
            for t in [takers[i]]
            for extra in (0, t.room)
        }
    )
    level = _last_at_most(steps, wanted, [takers[i] for i in able])
    fixed, free = 0, []
    for i in able:
        taker = takers[i]
        if taker.share * level < taker.had:
            fixed += taker.had
        elif taker.share * level >= taker.had + taker.room:
            given[i] = taker.room
            fixed += taker.had + taker.room
        else:
            free.append(i)
    if free:
        for i, held in zip(
            free, split(wanted - fixed, [takers[i].share for i in free]), strict=True
        ):
            given[i] = held - takers[i].had
    return given


def _last_at_most(steps: Sequence[Fraction], wanted: int, takers: Sequence[Taker]) -> Fraction:
    """The highest of the levels in `steps` at which the takers hold no more than `wanted`."""

    def held(level: Fraction) -> Fraction:
        return sum(
            (min(max(t.share * level, Fraction(t.had)), Fraction(t.had + t.room)) for t in takers),
            Fraction(0),
        )

    low, high = 0, len(steps)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if held(steps[middle]) <= wanted else (low, middle)
    return steps[low]


def deal(
    items: Sequence[tuple[int, Mapping[str, str]]], takers: Sequence[Taker], *, seed: int = 0
) -> Deal:
    """Give every item to a taker it suits, by share, within room.

    items    (id, traits), the most wanted first: they are spread evenly, so nobody gets the best
    seed     decides between equals, and nothing else

    The same input gives the same deal. As many items are placed as can be placed at all; where all
    takers suit all items, the numbers are `levels`. Cost: linear in the items, and about
    kinds * takers * (kinds + takers) for the kinds of items that differ in who may take them.
    Raises ValueError when an id stands twice.
    """
    if len({pk for pk, _traits in items}) < len(items) or len({t.id for t in takers}) < len(takers):
        raise ValueError("an id stands twice")
    takers = Random(seed).sample(takers, len(takers))  # noqa: S311
    why_by_kind: dict[Hashable, list[str]] = {}
    kinds: dict[tuple[str, ...], list[int]] = {}
    for pk, traits in items:
        look = frozenset(traits.items())
        if look not in why_by_kind:
            why_by_kind[look] = [taker.why_not(traits) for taker in takers]
        kinds.setdefault(tuple(why_by_kind[look]), []).append(pk)
    # Those whom the fewest suit choose first.
    whys = sorted(kinds, key=lambda why: (why.count(""), why))
    flow = _Flow(
        sizes=[len(kinds[why]) for why in whys],
        suits=[[not reason for reason in why] for why in whys],
        takers=takers,
    )
    flow.fill()
    given: dict[int, int] = {}
    left: dict[int, dict[int, str]] = {}
    for kind, why in enumerate(whys):
        order = _spread(flow.placed[kind])
        waiting = kinds[why]
        given |= {pk: takers[i].id for pk, i in zip(waiting, order, strict=False)}
        reasons = {taker.id: reason or "full" for taker, reason in zip(takers, why, strict=True)}
        left |= dict.fromkeys(waiting[len(order) :], reasons)
    return Deal(given, left)


class _Flow:
    """How many items of each kind each taker gets: a flow, kept greatest by rearranging."""

    def __init__(
        self, *, sizes: Sequence[int], suits: Sequence[Sequence[bool]], takers: Sequence[Taker]
    ) -> None:
        self.takers, self.suits = takers, suits
        self.waiting = list(sizes)
        self.placed = [[0] * len(takers) for _ in sizes]
        self.load = [0] * len(takers)

    def fill(self) -> None:
        fair = levels(sum(self.waiting), self.takers)
        for kind in range(len(self.waiting)):
            # Each kind is mixed over all whom it suits, by what each is still to get.
            self._place(kind, [most - has for most, has in zip(fair, self.load, strict=True)])
        for kind in range(len(self.waiting)):
            self._rearrange(kind, fair)
        rooms = [taker.room for taker in self.takers]
        for kind in range(len(self.waiting)):
            while self.waiting[kind]:
                # Beyond the fair numbers: by share again, among those that can be reached.
                reached = self._reach(kind)
                more = [
                    Taker(i, taker.share, rooms[i] - self.load[i])
                    for i, taker in enumerate(self.takers)
                    if i in reached and rooms[i] > self.load[i]
                ]
                if not more:
                    break
                extra = levels(self.waiting[kind], more)
                caps = list(self.load)
                for taker, most in zip(more, extra, strict=True):
                    caps[taker.id] += most
                self._rearrange(kind, caps)

    def _place(self, kind: int, most: Sequence[int]) -> None:
        suiting = [i for i, suits in enumerate(self.suits[kind]) if suits and most[i] > 0]
        if not suiting or not self.waiting[kind]:
            return
        amount = min(self.waiting[kind], sum(most[i] for i in suiting))
        for i, part in zip(suiting, split(amount, [most[i] for i in suiting]), strict=True):
            self._move(None, i, kind, part)

    def _move(self, source: int | None, target: int, kind: int, amount: int) -> None:
        """From `source`, or from those waiting, to `target`."""
        if source is None:
            self.waiting[kind] -= amount
        else:
            self.placed[kind][source] -= amount
            self.load[source] -= amount
        self.placed[kind][target] += amount
        self.load[target] += amount

    def _reach(self, kind: int) -> dict[int, tuple[int | None, int]]:
        """Takers that could get one more of `kind` if others moved over: taker -> (the taker an
        item comes from, None = from those waiting; that item's kind), in order of distance."""
        reached: dict[int, tuple[int | None, int]] = {}
        queue: deque[tuple[int | None, int]] = deque([(None, kind)])
        seen = {kind}
        while queue:
            source, moving = queue.popleft()
            for i, suits in enumerate(self.suits[moving]):
                if not suits or i in reached:
                    continue
                reached[i] = (source, moving)
                for other, row in enumerate(self.placed):
                    if row[i] and other not in seen:
                        queue.append((i, other))
                        seen.add(other)
        return reached

    def _rearrange(self, kind: int, caps: Sequence[int]) -> None:
        """Place what waits of `kind` while a chain of moves leads to a taker below its cap."""
        while self.waiting[kind]:
            reached = self._reach(kind)
            end = next((i for i in reached if self.load[i] < caps[i]), None)
            if end is None:
                return
            chain: list[tuple[int | None, int, int]] = []
            target: int | None = end
            while target is not None:
                source, moving = reached[target]
                chain.append((source, target, moving))
                target = source
            amount = min(
                caps[end] - self.load[end],
                self.waiting[kind],
                *(
                    self.placed[moving][source]
                    for source, _t, moving in chain
                    if source is not None
                ),
            )
            for source, target, moving in chain:
                self._move(source, target, moving, amount)


def _spread(counts: Sequence[int]) -> list[int]:
    """Each index as often as its count says, spread evenly: [2, 1] is [0, 1, 0]."""
    places = sorted(
        ((2 * turn + 1) / (2 * count), i) for i, count in enumerate(counts) for turn in range(count)
    )
    return [i for _place, i in places]
