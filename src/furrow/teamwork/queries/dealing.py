"""Who would get whom if customers were dealt now, and why somebody would get nobody."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Count
from django.utils import timezone
from django.utils.functional import Promise

from furrow.customers.models import Customer
from furrow.organisation.models import Presence, User
from furrow.organisation.rules import is_present
from furrow.ownership.declarations import traits, traits_of
from furrow.ownership.queries import pools_of, rules_at
from furrow.ownership.rules import Pool
from furrow.science.allocation import Deal, Taker, deal
from furrow.teamwork.models import Dealing, Profile
from furrow.teamwork.rules import WHY_NOT
from furrow.teamwork.strategies import Dealt, strategy_named

NO_END = 10**9
USUAL_SHARE = 100
_EXAMPLES = 5


@dataclass(frozen=True)
class Offer:
    """How to deal.

    only_present   people who are not at work now get nobody
    evens_out      what somebody was dealt earlier today counts towards the share
    insists        a customer whom nobody suits stays; otherwise anybody with room gets it
    seed           decides between equals; the same seed gives the same deal
    strategy       the name of another way to deal than by share alone (strategies.py); "" = none
    """

    agents: Sequence[User]
    seed: int
    only_present: bool = False
    evens_out: bool = True
    insists: bool = True
    strategy: str = ""


@dataclass(frozen=True)
class Line:
    """What one person would get.

    held     customers now
    room     how many more may come; None = no end
    closed   why nobody comes at all; "" = open
    """

    agent: User
    gets: int
    share: int
    held: int
    room: int | None
    had_today: int
    closed: str | Promise


@dataclass(frozen=True)
class Left:
    """Customers who would stay where they are, for one set of reasons.

    whys      (person, why not), one for each asked
    examples  some of the customers
    """

    count: int
    whys: list[tuple[User, str | Promise]]
    examples: list[Customer]


@dataclass(frozen=True)
class Proposal:
    """What dealing would do: a dry run. `dealt` is what a strategy made of it, if one was asked."""

    deal: Deal
    lines: list[Line]
    left: list[Left]
    dealt: Dealt | None = None


def profile_of(user: User, profiles: Mapping[int, Profile]) -> Profile:
    """The usual one for whoever has none."""
    return profiles.get(user.pk) or Profile(user=user, share=USUAL_SHARE, accepts={})


def profiles_of(people: Sequence[User]) -> dict[int, Profile]:
    return {
        profile.user_id: profile
        for profile in Profile.objects.filter(user__in=[person.pk for person in people])
    }


def held_by(people: Sequence[User]) -> dict[int, int]:
    """How many customers each has now; those without any are absent."""
    owned = Customer.objects.filter(owner__in=[person.pk for person in people], merged_into=None)
    return dict(owned.order_by().values_list("owner_id").annotate(n=Count("pk")))


def dealt_today(at: datetime) -> Counter[int]:
    """How many each was dealt since this morning."""
    morning = timezone.localtime(at).replace(hour=0, minute=0, second=0, microsecond=0)
    counts: Counter[int] = Counter()
    for told in Dealing.objects.filter(at__gte=morning, at__lte=at).values_list("counts"):
        counts.update({int(pk): many for pk, many in told[0].items()})
    return counts


def takers_of(
    offer: Offer, *, at: datetime, pools: Iterable[Pool] = ()
) -> tuple[list[Taker], dict[int, int]]:
    """The people asked, as `science.allocation` knows them, and how many each holds.

    pools  whose limits of holding bind, besides the person's own: the strictest of them
    """
    people = offer.agents
    profiles, held = profiles_of(people), held_by(people)
    had = dealt_today(at) if offer.evens_out else Counter[int]()
    present = _present(people, at=at) if offer.only_present else {p.pk for p in people}
    takers = []
    for person in people:
        profile = profile_of(person, profiles)
        limits = [profile.most, *(pool.most_held.get(person.role) for pool in pools)]
        most = min((limit for limit in limits if limit is not None), default=None)
        room = NO_END if most is None else max(0, most - held.get(person.pk, 0))
        takers.append(
            Taker(
                id=person.pk,
                share=profile.share,
                room=room,
                had=had[person.pk],
                accepts={k: frozenset(v) for k, v in profile.accepts.items() if v},
                closed="" if person.pk in present else "absent",
            )
        )
    return takers, held


def _present(people: Sequence[User], *, at: datetime) -> set[int]:
    rows = Presence.objects.filter(user__in=[person.pk for person in people])
    return {row.pk for row in rows if is_present(row.state, seen_at=row.seen_at, at=at)}


def still_pooled(ids: Sequence[int]) -> list[int]:
    """Those of the customers who are in a pool, in their order."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM customers_customer WHERE id = ANY(%s::bigint[])"
            " AND owner_id IS NULL AND merged_into_id IS NULL",
            [list(ids)],
        )
        pooled = {pk for (pk,) in cursor.fetchall()}
    return [pk for pk in ids if pk in pooled]


def propose(ids: Sequence[int], offer: Offer, *, at: datetime) -> Proposal:
    """Deal these customers, in their order, without writing anything. Nobody is dealt beyond what
    the ownership rules let the role hold of the customers' pools.

    About 1 s for 20,000 customers and 300 people, most of it reading what they are like.
    """
    rules = rules_at(at)
    takers, held = takers_of(offer, at=at, pools=pools_of(ids, rules=rules, at=at))
    by_share = deal_all(ids, takers, insists=offer.insists, seed=offer.seed, at=at)
    dealt = None
    if strategy := strategy_named(offer.strategy):
        told = traits_of(ids, {name for taker in takers for name in taker.accepts}, at=at)
        dealt = strategy.change(by_share, takers, told, offer.seed, at)
    outcome = dealt.deal if dealt else by_share
    return Proposal(
        deal=outcome,
        lines=_lines(offer, takers, held, outcome),
        left=_left(offer, outcome),
        dealt=dealt,
    )


def deal_all(
    ids: Sequence[int], takers: Sequence[Taker], *, insists: bool, seed: int, at: datetime
) -> Deal:
    """By what suits; unless it `insists`, the rest then to anybody open who has room."""
    told = traits_of(ids, {name for taker in takers for name in taker.accepts}, at=at)
    first = deal([(pk, told.get(pk, {})) for pk in ids], takers, seed=seed)
    if insists or not first.left:
        return first
    got = Counter(first.given.values())
    anybody = [
        Taker(t.id, t.share, t.room - got[t.id], t.had + got[t.id], {}, t.closed) for t in takers
    ]
    rest = deal([(pk, {}) for pk in ids if pk in first.left], anybody, seed=seed)
    return Deal(first.given | rest.given, rest.left)


def _lines(
    offer: Offer, takers: Sequence[Taker], held: Mapping[int, int], dealt: Deal
) -> list[Line]:
    got = Counter(dealt.given.values())
    return [
        Line(
            agent=agent,
            gets=got[taker.id],
            share=taker.share,
            held=held.get(taker.id, 0),
            room=None if taker.room == NO_END else taker.room,
            had_today=taker.had,
            closed=say(taker.closed or ("" if taker.share else "share")),
        )
        for agent, taker in zip(offer.agents, takers, strict=True)
    ]


def say(why: str) -> str | Promise:
    """A reason of `science.allocation` in words: a trait's name is its label."""
    if why in WHY_NOT:
        return WHY_NOT[why]
    return next((trait.label for trait in traits() if trait.name == why), why)


def _left(offer: Offer, dealt: Deal) -> list[Left]:
    """The customers left, together where the reasons are the same; the most first."""
    groups: dict[tuple[tuple[int, str], ...], list[int]] = {}
    for pk, whys in dealt.left.items():
        groups.setdefault(tuple(sorted(whys.items())), []).append(pk)
    people = {agent.pk: agent for agent in offer.agents}
    examples = Customer.objects.in_bulk([pk for pks in groups.values() for pk in pks[:_EXAMPLES]])
    found = [
        Left(
            count=len(pks),
            whys=[(people[person], say(why)) for person, why in whys],
            examples=[examples[pk] for pk in pks[:_EXAMPLES] if pk in examples],
        )
        for whys, pks in groups.items()
    ]
    return sorted(found, key=lambda one: -one.count)


def new_seed(at: datetime) -> int:
    """A seed for a deal proposed at `at`; kept with it, so that the deal can be made again."""
    return int(at.timestamp() // timedelta(seconds=1).total_seconds())
