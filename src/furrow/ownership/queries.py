"""Until when somebody keeps a customer, and why; what may be claimed; who is about to lose whom."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection
from django.db.models import Count, Exists, F, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from furrow.common.sql import ask_together, load_sql
from furrow.compliance.models import PolicyVersion
from furrow.compliance.queries import days_for, policy_for
from furrow.compliance.rules import EVERYWHERE_ELSE, DayKind, Policy
from furrow.customers.models import Customer, CustomerQuerySet, OwnershipEvent
from furrow.customers.queries import last_change_of_owner
from furrow.customers.rules import Moment
from furrow.organisation.models import User
from furrow.organisation.rules import Act as Right
from furrow.organisation.rules import Scope
from furrow.rulebooks.models import RuleVersion
from furrow.rulebooks.queries import every_version
from furrow.rulebooks.queries import rules_at as rules_of_book
from furrow.rulebooks.rules import Book

from .declarations import exempt, pauses_of, traits_of
from .models import Losing, Pause, Return, Standing, WarningMail
from .rules import (
    DAY,
    DEFAULT_BODY,
    Agent,
    Calendar,
    Clock,
    Clocks,
    Due,
    Held,
    Pool,
    ReturnState,
    Rules,
    Wanted,
    Why,
    because,
    begins,
    days_between,
    days_left,
    due_of,
    first_start_in_time,
    pool_of,
    protected_until,
    reaches,
    rules_from,
    to_keep,
    traits_used,
    warning_of,
    why_no_room,
    why_not_claimable,
)

# Holidays are looked up this far around a day: longer than any period with its closed days.
_AROUND = timedelta(days=800)
LONG_AGO = datetime(1970, 1, 1, tzinfo=ZoneInfo("UTC"))


def company_zone() -> ZoneInfo:
    """Days are the company's days."""
    return ZoneInfo(settings.TIME_ZONE)


def today_of(at: datetime) -> date:
    return at.astimezone(company_zone()).date()


# -- rules -----------------------------------------------------------------------------------------


# Before a manager saves the first version the default holds, by which nobody loses anybody.
BOOK: Book[Rules] = Book("ownership", rule="B4", default=DEFAULT_BODY, read=rules_from)


def rules_at(at: datetime) -> Rules:
    """The rules in force at `at`, by the version of that time; one query."""
    return rules_of_book(BOOK, at)


def versions_until(until: datetime) -> list[tuple[datetime, Rules]]:
    """(from when, rules) of every version: of those begun by an instant the first in this order
    was in force then; the rules before the first version come last."""
    known = every_version(BOOK)
    began = RuleVersion.objects.of(BOOK.name).in_force(until).order_by("-version")
    rows = [(from_at, known[number]) for number, from_at in began.values_list("version", "from_at")]
    return [*rows, (LONG_AGO, known[0])]


# -- days that do not count ------------------------------------------------------------------------


@dataclass(frozen=True)
class Calendars:
    """The company's closed days, and of the agents who have leave their own besides."""

    company: Calendar
    own: Mapping[int, Calendar]

    def of(self, agent_id: int) -> Calendar:
        return self.own.get(agent_id, self.company)


def calendars(*, at: datetime, agents: Collection[int] | None = None) -> Calendars:
    """Days that do not count around `at`: holidays, days the law keeps the line closed, outages;
    and leave of `agents`, None for everybody's. Three queries."""
    zone, today = company_zone(), today_of(at)
    region = settings.DEFAULT_REGION
    policy = policy_for(region=region, at=at)
    since, until = today - _AROUND, today + _AROUND
    kinds = days_for(region=region, since=since, until=until)
    closed = {
        day
        for day in (since + n * DAY for n in range((until - since).days))
        if not _is_open(day, policy, kinds.get(day))
    }
    pauses = Pause.objects.standing().filter(
        ends_at__gt=begins(since, zone), starts_at__lt=begins(until, zone)
    )
    if agents is not None:
        pauses = pauses.filter(Q(agent=None) | Q(agent__in=agents))
    leave: dict[int, set[date]] = {}
    for agent, starts_at, ends_at in pauses.values_list("agent", "starts_at", "ends_at"):
        mine = closed if agent is None else leave.setdefault(agent, set())
        mine.update(days_between(starts_at, ends_at, zone))
    company = Calendar(frozenset(closed))
    return Calendars(company, {a: company.and_closed(days) for a, days in leave.items()})


def _is_open(day: date, policy: Policy, kind: DayKind | None) -> bool:
    """Whether anybody may be called at any hour of a day."""
    if kind is DayKind.HOLIDAY and not policy.on_holidays:
        return False
    weekday = 0 if kind is DayKind.WORKDAY else day.weekday()
    return any(weekday in window.weekdays for window in policy.windows)


# -- one customer ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Keeping:
    """What the record says of a customer's owner: until when, because of what, and what to do.

    left      days that count from today to the last one, both included
    warning   7, 3 or 1 when it is that near, None otherwise
    exempt    why it is not taken though its day may come; "" for nothing
    announced the return on its way, if there is one
    """

    due: Due | None
    left: int
    warning: int | None
    because: str
    keep: str
    exempt: str
    protected_until: datetime | None
    rules: Rules
    announced: Return | None


def keeping_of(customer: Customer, *, at: datetime) -> Keeping | None:
    """None for a customer nobody owns. About ten queries by indexes."""
    if customer.owner_id is None or customer.owned_since is None:
        return None
    rules = rules_at(at)
    held = held_of(customer, rules=rules, at=at)
    calendar = calendar_for(customer, at=at)
    due = due_of(held, rules=rules, calendar=calendar, zone=company_zone())
    left = days_left(today_of(at), due.last_on, calendar.closed) if due else 0
    reason = exempt([customer.pk], at=at).get(customer.pk)
    safe = protected_until(held, rules=rules)
    return Keeping(
        due=due,
        left=left,
        warning=warning_of(left, rules) if due and reason is None else None,
        because=because(due, zone=company_zone()) if due else "",
        keep=to_keep(due, rules=rules) if due else "",
        exempt=str(reason.label) if reason else "",
        protected_until=safe if safe > at else None,
        rules=rules,
        announced=Return.objects.open().filter(customer=customer, owner=customer.owner_id).first(),
    )


def held_of(customer: Customer, *, rules: Rules, at: datetime) -> Held:
    assert customer.owned_since is not None  # noqa: S101
    standing = Standing.objects.filter(customer=customer).first()
    traits = traits_of([customer.pk], traits_used(rules), at=at).get(customer.pk, {})
    return Held(
        owned_since=customer.owned_since,
        effective_at=standing.effective_at if standing else None,
        dealt_at=standing.dealt_at if standing else None,
        protected_until=standing.protected_until if standing else None,
        team_id=customer.team_id,
        traits=traits,
        is_gone=not User.objects.agents().filter(pk=customer.owner_id or 0).exists(),
    )


def calendar_for(customer: Customer, *, at: datetime) -> Calendar:
    """The days that do not count for a customer and its owner."""
    assert customer.owner_id is not None  # noqa: S101
    calendar = calendars(at=at, agents=[customer.owner_id]).of(customer.owner_id)
    return with_pauses(calendar, pauses_of([customer.pk], at=at).get(customer.pk, ()))


def with_pauses(calendar: Calendar, pauses: Iterable[tuple[datetime, datetime]]) -> Calendar:
    days = {day for starts, ends in pauses for day in days_between(starts, ends, company_zone())}
    return calendar.and_closed(days) if days else calendar


# -- claiming --------------------------------------------------------------------------------------


def claim_facts(
    agent: User, customers: Collection[int], *, rules: Rules, at: datetime
) -> tuple[Agent, dict[int, Wanted]]:
    """What counts about somebody who wants to claim, and about the customers wanted; merged and
    unknown ones are absent. One round trip, and one for each trait the rules ask for."""
    zone = company_zone()
    [[(claimed, held, unworked, farmed)], rows] = ask_together(
        (
            load_sql("furrow.ownership", "agent"),
            {
                "agent": agent.pk,
                "today": begins(at.astimezone(zone).date(), zone),
                "farmed_since": at - rules.farming.days * DAY,
                "within_hours": rules.farming.within_hours,
            },
        ),
        (
            load_sql("furrow.ownership", "facts"),
            {
                "customers": list(customers), "agent": agent.pk,
                "since": at - rules.rest.days * DAY,
            },
        ),
    )  # fmt: skip
    facts = Agent(
        role=agent.role,
        team_id=agent.team_id,
        sees_all=agent.scope(Right.VIEW_CUSTOMERS) > Scope.OWN,
        may_own=agent.can(Right.USE_DESK),
        claimed_today=claimed,
        held=held,
        unworked=unworked,
        farmed=farmed,
    )
    known = traits_of([row[0] for row in rows], traits_used(rules), at=at)
    return facts, {
        customer: Wanted(
            pool=pool_of(rules, team_id=team, traits=known.get(customer, {})),
            team_id=team, is_pooled=owner is None, lost_at=lost_at, lost_by=lost_by or "",
            owners=owners, free_since=free_since,
        )
        for customer, owner, team, is_merged, lost_at, lost_by, owners, free_since in rows
        if not is_merged
    }  # fmt: skip


def pools_of(customers: Collection[int], *, rules: Rules, at: datetime) -> list[Pool]:
    """The pools these customers belong to. No query while there is one pool only."""
    if len(rules.pools) == 1:
        return list(rules.pools)
    known = traits_of(customers, traits_used(rules), at=at)
    teams = Customer.objects.filter(pk__in=list(customers)).order_by().values_list("pk", "team_id")
    keys = {pool_of(rules, team_id=team, traits=known.get(pk, {})).key for pk, team in teams}
    return [pool for pool in rules.pools if pool.key in keys]


def why_not(facts: Agent, wanted: Wanted, *, rules: Rules, at: datetime) -> Why | None:
    """Why this customer is not this agent's to claim, as it stands now; None = claim it."""
    is_same_team = wanted.team_id is not None and wanted.team_id == facts.team_id
    return why_not_claimable(facts, wanted, rules, is_same_team=is_same_team, at=at) or why_no_room(
        facts, wanted.pool, rules
    )


def why_not_claim(customer: Customer, *, user: User, at: datetime) -> Why | None:
    """For the record's panel: why `user` may not claim this customer now."""
    rules = rules_at(at)
    agent, wanted = claim_facts(user, [customer.pk], rules=rules, at=at)
    if customer.pk not in wanted:
        return Why(_("This record was joined to another one. Open that one instead."), "B2")
    return why_not(agent, wanted[customer.pk], rules=rules, at=at)


# -- pools -----------------------------------------------------------------------------------------


def pools_for(user: User, *, at: datetime) -> list[Pool]:
    """The pools somebody may look into."""
    sees_all = user.scope(Right.VIEW_CUSTOMERS) > Scope.OWN
    return [
        pool
        for pool in rules_at(at).pools
        if reaches(pool.seen_by, is_same_team=not pool.teams or user.team_id in pool.teams,
                   sees_all=sees_all)
    ]  # fmt: skip


def in_pool(pool: Pool, *, user: User, rules: Rules, at: datetime) -> CustomerQuerySet:
    """Customers without an owner that belong to this pool and that `user` may see there."""
    customers = Customer.objects.in_pool()
    earlier = rules.pools[: rules.pools.index(pool)]
    if pool is not rules.pools[-1]:
        customers = _meeting(customers, pool, at=at)
    for one in earlier:
        customers = customers.exclude(pk__in=_meeting(Customer.objects.in_pool(), one, at=at))
    if user.scope(Right.VIEW_CUSTOMERS) is Scope.ALL or pool.seen_by.value == "all":
        return customers
    return customers.filter(team__in=user.teams(Right.VIEW_CUSTOMERS))


def _meeting(customers: CustomerQuerySet, pool: Pool, *, at: datetime) -> CustomerQuerySet:
    from .declarations import customers_with

    if pool.teams:
        customers = customers.filter(team__in=pool.teams)
    for trait, values in pool.when.items():
        customers = customers.filter(customers_with(trait, values, at=at))
    return customers


def regions() -> list[tuple[str, str]]:
    """The regions that have calling rules of their own, and the company's."""
    known = PolicyVersion.objects.order_by().values_list("region", flat=True).distinct()
    return [(one, one) for one in sorted({settings.DEFAULT_REGION, *known} - {EVERYWHERE_ELSE})]


# -- who loses whom --------------------------------------------------------------------------------


@dataclass(frozen=True)
class MaybeDue:
    """A row of sql/maybe_due.sql."""

    customer_id: int
    owner_id: int
    owned_since: datetime
    team_id: int | None
    effective_at: datetime | None
    dealt_at: datetime | None
    protected_until: datetime | None


def maybe_due(
    *, after: int, upto: int, rules: Rules, company: Calendar, gone: Collection[int],
    today: date, at: datetime,
) -> list[MaybeDue]:  # fmt: skip
    """Owned customers with ids in (after, upto] whose clocks may run out before `today`."""
    teams, firsts, nexts, deals = _cuts(rules, company, today=today)
    with connection.cursor() as cursor:
        cursor.execute(
            load_sql("furrow.ownership", "maybe_due"),
            {
                "after": after, "upto": upto, "teams": teams, "firsts": firsts, "nexts": nexts,
                "deals": deals, "gone": list(gone),
                # Protected until after the horizon, not only until now: or nobody would be warned.
                "at": max(at, begins(today, company_zone())),
            },
        )  # fmt: skip
        return [MaybeDue(*row) for row in cursor.fetchall()]


def _cuts(
    rules: Rules, company: Calendar, *, today: date
) -> tuple[list[int], list[datetime], list[datetime], list[datetime]]:
    """Per team: what started before these instants may have run out, by the strictest periods
    that any of the team's pools has. 0 is no team."""
    from furrow.organisation.models import Team

    zone = company_zone()

    def cut(days: Iterable[int | None]) -> datetime:
        strictest = min((d for d in days if d is not None), default=None)
        if strictest is None:
            return LONG_AGO
        return begins(first_start_in_time(today, strictest, company.closed), zone)

    teams = [0, *Team.objects.order_by("pk").values_list("pk", flat=True)]
    firsts, nexts, deals = [], [], []
    for team in teams:
        pools = [p for p in rules.pools[:-1] if not p.teams or team in p.teams]
        clocks: list[Clocks] = [c for p in (*pools, rules.pools[-1]) for c in p.clocks]
        # Where there is no first clock, the next one runs from taking over.
        firsts.append(cut(c.next_days if c.first_days is None else c.first_days for c in clocks))
        nexts.append(cut(c.next_days for c in clocks))
        deals.append(cut(c.deal_days for c in clocks))
    return teams, firsts, nexts, deals


def judge(
    rows: Sequence[MaybeDue], *, rules: Rules, cal: Calendars, gone: Collection[int], at: datetime
) -> list[tuple[MaybeDue, Due]]:
    """By when each of these has to be worked, in the same order; those without a day are left
    out. A customer whose owner has gone is due at once."""
    zone, today = company_zone(), today_of(at)
    ids = [row.customer_id for row in rows]
    known = traits_of(ids, traits_used(rules), at=at)
    pauses = pauses_of(ids, at=at)
    found = []
    for row in rows:
        if row.owner_id in gone:
            found.append((row, Due(Clock.GONE, row.owned_since, 0, today - DAY)))
            continue
        held = Held(
            row.owned_since, row.effective_at, row.dealt_at, row.protected_until, row.team_id,
            known.get(row.customer_id, _NOTHING),
        )  # fmt: skip
        calendar = cal.of(row.owner_id)
        if row.customer_id in pauses:
            calendar = with_pauses(calendar, pauses[row.customer_id])
        due = due_of(held, rules=rules, calendar=calendar, zone=zone)
        if due is not None:
            found.append((row, due))
    return found


_NOTHING: Mapping[str, str] = {}


def gone_owners() -> set[int]:
    """People who own customers and can no longer look after them."""
    owned = Customer.objects.filter(owner=OuterRef("pk"), merged_into=None)
    leavers = User.objects.exclude(pk__in=User.objects.agents()).filter(Exists(owned))
    return set(leavers.order_by().values_list("pk", flat=True))


@dataclass(frozen=True)
class Lost:
    """A customer somebody will lose, or is losing."""

    customer: Customer
    last_on: date
    left: int
    clock: str
    returning: Return | None


def losing_of(owner: User, *, at: datetime, most: int = 200) -> list[Lost]:
    """The customers an owner is about to lose, the nearest first: those on their way to the pool,
    then those whose day comes."""
    today, calendar = today_of(at), calendars(at=at, agents=[owner.pk]).of(owner.pk)
    on_the_way = (
        Return.objects.open()
        .filter(owner=owner, customer__owner=owner)
        .select_related("customer__team")
        .order_by("until_at", "id")[:most]
    )
    found = [Lost(r.customer, r.last_on or today, 0, r.clock, r) for r in on_the_way]
    rows = _losing().filter(owner=owner, last_on__gte=today).order_by("last_on", "customer_id")
    for row in rows.select_related("customer__team")[: most - len(found)]:
        left = days_left(today, row.last_on, calendar.closed)
        found.append(Lost(row.customer, row.last_on, left, row.clock, None))
    return found


def _losing() -> Any:
    """Rows that still hold: the same owner has had the customer since."""
    return Losing.objects.filter(
        customer__owner=F("owner"), customer__owned_since=F("owned_since"),
        customer__merged_into=None,
    )  # fmt: skip


@dataclass(frozen=True)
class Warned:
    """How many customers an owner loses within 1, 3 and 7 days, and how many are leaving now."""

    leaving: int
    by_days: Mapping[int, int]

    @property
    def total(self) -> int:
        return self.leaving + max(self.by_days.values(), default=0)


def warned(owner: User, *, at: datetime) -> Warned:
    """For the home page; two counts within indexes."""
    rules, today = rules_at(at), today_of(at)
    calendar = calendars(at=at, agents=[owner.pk]).of(owner.pk)
    lasts = list(
        _losing()
        .filter(owner=owner, last_on__gte=today)
        .order_by()
        .values_list("last_on", flat=True)
    )
    left = [days_left(today, last, calendar.closed) for last in lasts]
    leaving = Return.objects.open().filter(owner=owner, customer__owner=owner).count()
    return Warned(leaving, {day: sum(n <= day for n in left) for day in sorted(rules.warn_days)})


def mail_of(user: User) -> WarningMail | None:
    """Where somebody's warnings are mailed to; None = nowhere."""
    return WarningMail.objects.filter(user=user).first()


def warning_letter(told: Warned, *, link: str) -> tuple[str, str]:
    """Subject and text, in the language of the moment. How many, never who."""
    lines = [
        ngettext(
            "%(n)s customer is on the way to the pool.",
            "%(n)s customers are on the way to the pool.",
            told.leaving,
        )
        % {"n": told.leaving}
    ] if told.leaving else []  # fmt: skip
    for days, count in told.by_days.items():
        if count:
            span = ngettext("%(day)s day", "%(day)s days", days) % {"day": days}
            leave = ngettext(
                "%(n)s leaves you within %(span)s.", "%(n)s leave you within %(span)s.", count
            )
            lines.append(leave % {"n": count, "span": span})
    lines += ["", _("A real conversation keeps a customer. Whom to call first: “Leaving me soon”.")]
    lines += [link] if link else []
    lines += ["", _("You asked for this mail there, and there you can stop it.")]
    subject = _("Furrow: customers who leave you soon: %(count)d") % {"count": told.total}
    return subject, "\n".join(lines)


@dataclass(frozen=True)
class OwnerLosses:
    """One owner on the page “who loses what this week”."""

    owner: User
    held: int
    leaving: int
    soon: int  # within the first warning
    tomorrow: int  # the last day is today or the next that counts


def losses_by_owner(*, user: User, at: datetime) -> list[OwnerLosses]:
    """Owners that `user` sees and who are about to lose somebody, the most first."""
    today = today_of(at)
    people = {
        p.pk: p
        for p in User.objects.visible_to(user)
        .filter(role__in=["agent", "leader"])
        .select_related("team")
    }
    soon = {
        row["owner"]: row
        for row in _losing()
        .filter(owner__in=people, last_on__gte=today)
        .order_by()
        .values("owner")
        .annotate(soon=Count("pk"), tomorrow=Count("pk", filter=Q(last_on__lte=today + DAY)))
    }
    leaving = dict(
        Return.objects.open()
        .filter(owner__in=people)
        .order_by()
        .values_list("owner")
        .annotate(n=Count("*"))
    )
    owners = soon.keys() | leaving.keys()
    held = dict(
        Customer.objects.filter(owner__in=owners, merged_into=None)
        .order_by()
        .values_list("owner")
        .annotate(n=Count("*"))
    )
    rows = [
        OwnerLosses(
            people[pk],
            held.get(pk, 0),
            leaving.get(pk, 0),
            soon.get(pk, {}).get("soon", 0),
            soon.get(pk, {}).get("tomorrow", 0),
        )
        for pk in owners
    ]
    return sorted(rows, key=lambda row: (-row.leaving, -row.tomorrow, -row.soon, row.owner.pk))


@dataclass(frozen=True)
class Farmer:
    """Somebody who claims and gives back without working."""

    agent: User
    given_back: int


def farmers(*, user: User, at: datetime) -> list[Farmer]:
    """Agents `user` sees who gave claimed customers back unworked, at least half as often as
    stops them from claiming; the most first."""
    rules = rules_at(at)
    since = at - rules.farming.days * DAY
    people = {p.pk: p for p in User.objects.visible_to(user).agents().select_related("team")}
    who = (
        OwnershipEvent.objects.filter(
            from_owner__in=people, by=F("from_owner"), change="released", at__gte=since
        )
        .order_by()
        .values_list("from_owner", flat=True)
        .distinct()
    )
    found = [
        Farmer(people[pk], claim_facts(people[pk], (), rules=rules, at=at)[0].farmed) for pk in who
    ]
    enough = max(rules.farming.releases // 2, 1)
    return sorted((f for f in found if f.given_back >= enough), key=lambda f: -f.given_back)


# -- the timeline ----------------------------------------------------------------------------------


def tell_returns(customer: Customer, before: datetime | None, most: int) -> list[Moment]:
    """Returns that were announced, and what became of them; going to the pool itself is told by
    the ledger of owners."""
    rows = Return.objects.filter(customer=customer).select_related("owner", "decided_by")
    if before is not None:
        rows = rows.filter(announced_at__lt=before)
    return [
        Moment(
            at=row.announced_at,
            kind="owner",
            title=_("%(owner)s is about to lose the customer: %(clock)s")
            % {"owner": row.owner, "clock": row.get_clock_display()},
            body=" · ".join(
                part
                for part in (
                    _("Rules version %(version)d") % {"version": row.rule_version},
                    str(row.get_state_display()) if row.state != ReturnState.ANNOUNCED else "",
                    str(row.decided_by) if row.state == ReturnState.REVERTED else "",
                    row.reason,
                )
                if part
            ),
            anchor=f"ownership.Return:{row.pk}",
        )
        for row in rows.order_by("-announced_at", "-id")[:most]
    ]


def ownership_panel(customer: Customer, *, user: User, at: datetime) -> dict[str, Any]:
    """Everything the record's panel shows."""
    may_edit, may_assign = user.can(Right.EDIT_CUSTOMERS), user.can(Right.ASSIGN_CUSTOMERS)
    is_owned, is_mine = customer.owner_id is not None, customer.owner_id == user.pk
    why: Why | None = None
    if not is_owned and user.can(Right.USE_DESK):
        why = why_not_claim(customer, user=user, at=at)
    return {
        "customer": customer,
        "last": last_change_of_owner(customer),
        "keeping": keeping_of(customer, at=at),
        "is_mine": is_mine,
        "why_not": why,
        "can_claim": may_edit and user.can(Right.USE_DESK) and not is_owned and why is None,
        "can_release": may_edit and is_owned and (may_assign or is_mine),
        "can_transfer": may_assign,
        "can_revert": may_assign,
        "today": timezone.localdate(at),
    }
