"""Who may take a customer from the pool, how long one keeps it, and why. No database, no clock.

Periods are counted in days that count: a holiday, a day the law keeps the line closed, an outage
or an agent's leave is not counted. A clock that started on a day runs until the end of the n-th
day that counts after it; so daylight saving time and the hour of the last touch never matter.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import TextChoices
from django.utils.functional import Promise
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from furrow.common.refusal import Refused
from furrow.rulebooks.rules import conditions, holds, naming, whole

DAY = timedelta(days=1)
_FARTHEST = 3000  # days looked ahead or back; closed days beyond that are nobody's plan


class Clock(TextChoices):
    """What an owner owes a customer, each by its own day (B4)."""

    FIRST = "first", _("First follow-up")
    NEXT = "next", _("Next follow-up")
    DEAL = "deal", _("Sale")
    GONE = "gone", _("The owner has left")


class ActKind(TextChoices):
    """What somebody did with a customer. Only some of it keeps the customer."""

    CALL = "call", _("Call")
    MESSAGE = "message", _("Two-way message")
    VISIT = "visit", _("Visit")
    ORDER = "order", _("Order")
    PAYMENT = "payment", _("Payment")


class Strength(TextChoices):
    """How much came of it; each protects for so many days."""

    WEAK = "weak", _("A conversation")
    MEDIUM = "medium", _("A next step agreed")
    STRONG = "strong", _("Interest")
    ORDER = "order", _("An order")


class Reach(TextChoices):
    """Whose a pool is to see or to claim from."""

    TEAM = "team", _("the customer’s own team")
    ALL = "all", _("everybody")
    LEADERS = "leaders", _("leaders and above only")


class PauseKind(TextChoices):
    LEAVE = "leave", _("Approved leave")
    OUTAGE = "outage", _("Outage")


class ReturnState(TextChoices):
    ANNOUNCED = "announced", _("Leaves soon")
    RETURNED = "returned", _("Went to the pool")
    KEPT = "kept", _("Worked in time")
    REVERTED = "reverted", _("Kept by the leader")


class CannotClaim(Refused):
    """This agent may not take this customer from the pool now."""


class CannotRevert(Refused):
    """This return cannot be taken back."""


class CannotWarn(Refused):
    """Nobody can be warned at this address."""


class CannotPause(Refused):
    """These days cannot be left out of the count."""


# -- the rules, as data ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Clocks:
    """How long an owner has, for customers with these traits. None = this clock is off.

    when  trait -> allowed values, all must hold: {"stage": {"acquisition"}}; empty = everybody
    """

    first_days: int | None
    next_days: int | None
    deal_days: int | None
    when: Mapping[str, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Pool:
    """Which customers return to it, who may see and claim them, and how many.

    teams     team ids, as a trait would; empty = every team's
    most_held role -> most customers an agent of it may hold and still claim; absent = no limit
    """

    key: str
    name: str
    teams: frozenset[int]
    when: Mapping[str, frozenset[str]]
    seen_by: Reach
    claimed_by: Reach
    claims_per_day: int
    most_held: Mapping[str, int]
    most_unworked: int
    protected_percent: int
    clocks: tuple[Clocks, ...]


@dataclass(frozen=True)
class Farming:
    """Claiming, copying and giving back: so many claims released unworked within so long."""

    releases: int
    days: int
    within_hours: int


@dataclass(frozen=True)
class Rest:
    """A record that went through so many owners in so many days rests before the next claim."""

    owners: int
    days: int
    rest_hours: int


@dataclass(frozen=True)
class Rules:
    """One version of all ownership rules. See `rules_from` for the JSON."""

    version: int
    is_on: bool
    pools: tuple[Pool, ...]
    talk_seconds: int
    taken_days: int
    protect_days: Mapping[str, int]
    cool_down_days: Mapping[str, int]
    rest: Rest
    farming: Farming
    warn_days: tuple[int, ...]
    soft_hours: int
    gone_hours: int


# What a new company starts with. Nobody loses anybody before a manager has tried rules on the
# past and saved them: until then they only say who may claim.
DEFAULT_BODY: Mapping[str, Any] = {
    "is_on": False,
    "pools": [
        {
            "key": "all",
            "name": "",
            "teams": [],
            "when": {},
            "seen_by": "team",
            "claimed_by": "team",
            "claims_per_day": 30,
            "most_held": {"agent": 1000, "leader": 1000},
            "most_unworked": 20,
            "protected_percent": 30,
            "clocks": [{"when": {}, "first_days": 2, "next_days": 14, "deal_days": 90}],
        }
    ],
    "talk_seconds": 30,
    "taken_days": 2,
    "protect_days": {"weak": 0, "medium": 3, "strong": 7, "order": 14},
    "cool_down_days": {"released": 7, "returned": 15, "other": 0},
    "rest": {"owners": 3, "days": 30, "rest_hours": 72},
    "farming": {"releases": 10, "days": 7, "within_hours": 48},
    "warn_days": [7, 3, 1],
    "soft_hours": 24,
    "gone_hours": 72,
}


def rules_from(body: Mapping[str, Any], *, version: int) -> Rules:
    """Read a version's JSON, shaped like DEFAULT_BODY. Raises ValueError naming what is wrong.

    The last pool takes every customer that no earlier one took: its conditions are not asked.
    """
    with naming("pools"):
        pools = tuple(_pool_from(one) for one in body["pools"])
        if not pools:
            raise ValueError(_t("at least one pool"))
        if len({pool.key for pool in pools}) != len(pools):
            raise ValueError(_t("two pools have the same key"))
    with naming("talk_seconds"):
        talk_seconds = whole(body["talk_seconds"], most=3600)
    with naming("taken_days"):
        taken_days = whole(body["taken_days"], most=365)
    with naming("protect_days"):
        protect = {s: whole(body["protect_days"].get(s, 0), most=365) for s in Strength.values}
    with naming("cool_down_days"):
        ways = ("released", "returned", "other")
        cool = {way: whole(body["cool_down_days"].get(way, 0), most=365) for way in ways}
    with naming("rest"):
        rest = Rest(
            **{k: whole(body["rest"][k], most=1000) for k in ("owners", "days", "rest_hours")}
        )
    with naming("farming"):
        names = ("releases", "days", "within_hours")
        farming = Farming(**{name: whole(body["farming"][name], most=1000) for name in names})
    with naming("warn_days"):
        warn = tuple(sorted({whole(day, least=1, most=60) for day in body["warn_days"]}))
    with naming("soft_hours"):
        soft = whole(body["soft_hours"], most=240)
    with naming("gone_hours"):
        gone = whole(body["gone_hours"], most=2400)
    return Rules(
        version=version, is_on=bool(body["is_on"]), pools=pools, talk_seconds=talk_seconds,
        taken_days=taken_days, protect_days=protect, cool_down_days=cool, rest=rest,
        farming=farming, warn_days=tuple(reversed(warn)), soft_hours=soft, gone_hours=gone,
    )  # fmt: skip


def _pool_from(one: Mapping[str, Any]) -> Pool:
    clocks = tuple(
        Clocks(
            when=conditions(each.get("when", {})),
            first_days=_period(each.get("first_days")),
            next_days=_period(each.get("next_days")),
            deal_days=_period(each.get("deal_days")),
        )
        for each in one["clocks"]
    )
    if not clocks:
        raise ValueError(_t("a pool needs at least one row of periods"))
    return Pool(
        key=str(one["key"])[:40],
        name=str(one.get("name", ""))[:80],
        teams=frozenset(int(team) for team in one.get("teams", [])),
        when=conditions(one.get("when", {})),
        seen_by=Reach(one.get("seen_by", "team")),
        claimed_by=Reach(one.get("claimed_by", "team")),
        claims_per_day=whole(one["claims_per_day"], most=10_000),
        most_held={str(role): whole(n, most=100_000) for role, n in one["most_held"].items()},
        most_unworked=whole(one["most_unworked"], least=1, most=100_000),
        protected_percent=whole(one["protected_percent"], most=100),
        clocks=clocks,
    )


def _period(value: object) -> int | None:
    return None if value in (None, "", 0) else whole(value, least=1, most=730)


def pool_of(rules: Rules, *, team_id: int | None, traits: Mapping[str, str]) -> Pool:
    """The one pool a customer belongs to: the first whose conditions hold, else the last."""
    for pool in rules.pools[:-1]:
        if (not pool.teams or team_id in pool.teams) and holds(pool.when, traits):
            return pool
    return rules.pools[-1]


def clocks_of(pool: Pool, traits: Mapping[str, str]) -> Clocks:
    """Periods for a customer of this pool: the first row whose conditions hold, else the last."""
    for clocks in pool.clocks[:-1]:
        if holds(clocks.when, traits):
            return clocks
    return pool.clocks[-1]


def traits_used(rules: Rules) -> set[str]:
    """Which traits somebody has to look up before these rules can be applied."""
    return {
        trait
        for pool in rules.pools
        for when in (pool.when, *(clocks.when for clocks in pool.clocks))
        for trait in when
    }


# -- counting days ---------------------------------------------------------------------------------


def last_day(start_on: date, days: int, closed: Collection[date]) -> date:
    """The last day to act: the `days`-th day that counts after `start_on`.

    days    whole, >= 1
    closed  days that do not count

    Never earlier for a later start, nor for more closed days. O(days + closed days met).
    """
    day, left = start_on, days
    for _step in range(_FARTHEST):
        day += DAY
        if day not in closed:
            left -= 1
            if left == 0:
                break
    return day


def first_start_in_time(today: date, days: int, closed: Collection[date]) -> date:
    """The earliest start whose last day is not over before `today`: what started earlier is lost.

    `last_day(s, days, closed) < today` exactly when `s < first_start_in_time(today, …)`: so a
    million clocks are judged by comparing instants, without counting days for each.
    """
    day, left = today, days
    for _step in range(_FARTHEST):
        day -= DAY
        if day not in closed:
            left -= 1
            if left == 0:
                break
    return day


def days_left(today: date, last: date, closed: Collection[date]) -> int:
    """Days that count from `today` to `last`, both included; 0 when it is over."""
    ahead = (last - today).days
    return sum(today + n * DAY not in closed for n in range(min(ahead, _FARTHEST) + 1))


@dataclass(frozen=True)
class Calendar:
    """The days that do not count for somebody, and what was counted with them already."""

    closed: frozenset[date]
    _known: dict[tuple[date, int], date] = field(default_factory=dict, repr=False, compare=False)

    def last_day(self, start_on: date, days: int) -> date:
        key = (start_on, days)
        if (known := self._known.get(key)) is None:
            known = self._known[key] = last_day(start_on, days, self.closed)
        return known

    def and_closed(self, days: Iterable[date]) -> "Calendar":
        """The same calendar with more days that do not count."""
        return Calendar(self.closed | frozenset(days))


def days_between(starts_at: datetime, ends_at: datetime, zone: ZoneInfo) -> Iterable[date]:
    """Every local day that [starts_at, ends_at) touches: a day broken in two counts for nobody."""
    day = starts_at.astimezone(zone).date()
    last = (ends_at - timedelta(microseconds=1)).astimezone(zone).date()
    while day <= last:
        yield day
        day += DAY


def begins(day: date, zone: ZoneInfo) -> datetime:
    """The instant a local day begins."""
    return datetime.combine(day, time.min, zone)


# -- what keeps a customer -------------------------------------------------------------------------


def is_effective(kind: ActKind, *, talk_seconds: int | None, rules: Rules) -> bool:
    """Whether an act keeps the customer: a call only with so many seconds of talk."""
    return kind is not ActKind.CALL or (talk_seconds or 0) >= rules.talk_seconds


@dataclass(frozen=True)
class Held:
    """What is known of a customer that somebody owns.

    effective_at  the latest act that keeps it, by whoever looked after it then
    dealt_at      the latest order or payment
    """

    owned_since: datetime
    effective_at: datetime | None = None
    dealt_at: datetime | None = None
    protected_until: datetime | None = None
    team_id: int | None = None
    traits: Mapping[str, str] = field(default_factory=dict)
    is_gone: bool = False  # the owner has left, or does other work now


@dataclass(frozen=True)
class Due:
    """By when an owner has to act, and by which clock; None = there is no such day."""

    clock: Clock
    start_at: datetime
    days: int
    last_on: date


def due_of(held: Held, *, rules: Rules, calendar: Calendar, zone: ZoneInfo) -> Due | None:
    """The first clock to run out. Without a clock, or while the rules are off: None.

    Every clock starts at the later of taking over and the last effective act since: whatever an
    earlier owner did or left undone neither helps nor harms the present one. Protection moves the
    day on, never back.
    """
    if not rules.is_on:
        return None
    pool = pool_of(rules, team_id=held.team_id, traits=held.traits)
    clocks = clocks_of(pool, held.traits)
    is_worked = held.effective_at is not None and held.effective_at >= held.owned_since
    found: list[Due] = []

    def run(clock: Clock, start_at: datetime, days: int | None) -> None:
        if days is not None:
            last = calendar.last_day(start_at.astimezone(zone).date(), days)
            found.append(Due(clock, start_at, days, last))

    if is_worked:
        assert held.effective_at is not None  # noqa: S101
        run(Clock.NEXT, held.effective_at, clocks.next_days)
    elif clocks.first_days is not None:
        run(Clock.FIRST, held.owned_since, clocks.first_days)
    else:
        run(Clock.NEXT, held.owned_since, clocks.next_days)
    run(Clock.DEAL, max(held.owned_since, held.dealt_at or held.owned_since), clocks.deal_days)
    if not found:
        return None
    due = min(found, key=lambda one: one.last_on)
    safe = protected_until(held, rules=rules)
    safe_on = (safe - timedelta(microseconds=1)).astimezone(zone).date()
    return due if due.last_on >= safe_on else Due(due.clock, due.start_at, due.days, safe_on)


def protected_until(held: Held, *, rules: Rules) -> datetime:
    """Until when no clock takes the customer: by having taken it over, and by what came of it."""
    taken = held.owned_since + rules.taken_days * DAY
    return max(taken, held.protected_until or taken)


# -- claiming --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Agent:
    """What counts about the agent who asks for customers."""

    role: str
    team_id: int | None
    sees_all: bool  # leads, or sees the company
    may_own: bool  # looks after customers at all
    claimed_today: int
    held: int
    unworked: int  # claimed or dealt, and no effective act yet
    farmed: int  # claimed and given back unworked, see Farming


@dataclass(frozen=True)
class Wanted:
    """What counts about the customer asked for.

    lost_at, lost_by  when this agent last lost it, and how (an OwnerChange)
    owners            how many had it within `Rest.days`
    free_since        when its last owner lost it
    """

    pool: Pool
    team_id: int | None
    is_pooled: bool
    lost_at: datetime | None = None
    lost_by: str = ""
    owners: int = 0
    free_since: datetime | None = None


@dataclass(frozen=True)
class Why:
    """Why not, in words of the person; `next_at` when waiting changes it."""

    message: str
    rule: str
    next_at: datetime | None = None


def why_no_room(agent: Agent, pool: Pool, rules: Rules, *, taking: int = 0) -> Why | None:
    """Why this agent may claim nothing more from this pool now, having just taken `taking`."""
    if agent.farmed >= rules.farming.releases:
        return Why(
            ngettext(
                "In %(days)d days you gave %(count)d claimed customer back unworked. Work the ones "
                "you hold; your leader can give you others.",
                "In %(days)d days you gave %(count)d claimed customers back unworked. Work the "
                "ones you hold; your leader can give you others.",
                agent.farmed,
            )
            % {"days": rules.farming.days, "count": agent.farmed},
            "B4",
        )
    if agent.claimed_today + taking >= pool.claims_per_day:
        return Why(
            _t("You have claimed %(most)d customers today, the most allowed. Tomorrow there is "
               "room again.") % {"most": pool.claims_per_day},
            "B4",
        )  # fmt: skip
    if why := why_hands_full(agent, pool, taking=taking):
        return why
    if agent.unworked + taking >= pool.most_unworked:
        return Why(
            _t("%(count)d of your customers still wait for a first real conversation. Call them, "
               "then claim more.") % {"count": agent.unworked + taking},
            "B4",
        )  # fmt: skip
    return None


def why_hands_full(agent: Agent, pool: Pool, *, taking: int = 0) -> Why | None:
    """Why this agent may hold no more customers of this pool, however they come."""
    most = pool.most_held.get(agent.role)
    if most is None or agent.held + taking < most:
        return None
    return Why(
        _t("You already hold %(limit)d customers, the most allowed. Release one first.")
        % {"limit": most},
        "B4",
    )


def why_not_claimable(
    agent: Agent, wanted: Wanted, rules: Rules, *, is_same_team: bool, at: datetime
) -> Why | None:
    """Why this customer is not this agent's to claim, whatever room the agent has."""
    if not agent.may_own:
        return Why(_t("Only agents and leaders look after customers."), "B3")
    if not wanted.is_pooled:
        return Why(_t("This customer already has an owner. Ask the owner or your leader."), "B3")
    if not reaches(wanted.pool.claimed_by, is_same_team=is_same_team, sees_all=agent.sees_all):
        return Why(
            _t("Customers of the pool “%(pool)s” are claimed by %(who)s. Ask your leader for one.")
            % {"pool": pool_name(wanted.pool), "who": wanted.pool.claimed_by.label},
            "B4",
        )
    if wanted.lost_at is not None:
        way = wanted.lost_by if wanted.lost_by in rules.cool_down_days else "other"
        again_at = wanted.lost_at + rules.cool_down_days[way] * DAY
        if again_at > at:
            return Why(
                _t("You had this customer until %(lost)s. You may claim it again from %(again)s; "
                   "until then it is a colleague's turn.")
                % {"lost": _day(wanted.lost_at), "again": _day(again_at)},
                "B4",
                again_at,
            )  # fmt: skip
    if wanted.free_since is not None and wanted.owners >= rules.rest.owners:
        rested_at = wanted.free_since + timedelta(hours=rules.rest.rest_hours)
        if rested_at > at:
            return Why(
                _t("%(owners)d colleagues had this customer within %(days)d days. It is left in "
                   "peace until %(until)s.")
                % {"owners": wanted.owners, "days": rules.rest.days, "until": _day(rested_at)},
                "B4",
                rested_at,
            )  # fmt: skip
    return None


def reaches(reach: Reach, *, is_same_team: bool, sees_all: bool) -> bool:
    """Whether a pool is for somebody: of the customer's team or not, leading or not."""
    return reach is Reach.ALL or sees_all or (reach is Reach.TEAM and is_same_team)


def pool_name(pool: Pool) -> str:
    return pool.name or _t("Pool")


def _day(at: datetime) -> str:
    from django.utils.timezone import localtime

    return f"{localtime(at):%Y-%m-%d %H:%M}"


# -- in words --------------------------------------------------------------------------------------

_BECAUSE: Mapping[Clock, str | Promise] = {
    Clock.FIRST: _(
        "nobody has really talked with this customer since %(start)s; for the first conversation "
        "there are %(days)d days"
    ),
    Clock.NEXT: _("the last real conversation was on %(start)s; the next is due in %(days)d days"),
    Clock.DEAL: _("there has been no sale since %(start)s; there are %(days)d days for it"),
    Clock.GONE: _("the owner no longer looks after customers"),
}
_TALK = _("talk with the customer for at least %(seconds)d seconds and record what came of it")
_KEEP: Mapping[Clock, str | Promise] = {
    Clock.FIRST: _TALK,
    Clock.NEXT: _TALK,
    Clock.DEAL: _("close a sale; talking alone does not move this day"),
    Clock.GONE: _("hand the customer over"),
}


def because(due: Due, *, zone: ZoneInfo) -> str:
    """Why the customer is lost after `due.last_on`."""
    start = due.start_at.astimezone(zone)
    return str(_BECAUSE[due.clock]) % {"start": f"{start:%Y-%m-%d}", "days": due.days}


def to_keep(due: Due, *, rules: Rules) -> str:
    """What the owner has to do to keep the customer."""
    return str(_KEEP[due.clock]) % {"seconds": rules.talk_seconds}


def warning_of(left: int, rules: Rules) -> int | None:
    """Which of `warn_days` a customer with so many days left bears: the nearest, or None."""
    return min((day for day in rules.warn_days if left <= day), default=None)
