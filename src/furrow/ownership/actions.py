"""Claiming, keeping, losing: everything that changes what ownership remembers.

Owners themselves change through the door in customers.actions.
"""

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from smtplib import SMTPException

from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.db import connection, transaction
from django.db.models import Max
from django.utils import translation
from django.utils.translation import gettext as _

from furrow.audit.actions import record
from furrow.common.realtime import publish
from furrow.customers.actions import Move, move_owners
from furrow.customers.models import Customer
from furrow.customers.rules import OwnerChange
from furrow.organisation.actions import system_user
from furrow.organisation.models import User
from furrow.rulebooks.actions import walk
from furrow.rulebooks.models import Run
from furrow.rulebooks.queries import every_version

from .declarations import exempt, helpers_of
from .models import Act, Losing, Pause, Return, Standing, WarningMail
from .queries import (
    BOOK,
    Calendars,
    MaybeDue,
    calendars,
    claim_facts,
    company_zone,
    gone_owners,
    judge,
    maybe_due,
    rules_at,
    today_of,
    warned,
    warning_letter,
    why_not,
)
from .rules import (
    DAY,
    ActKind,
    CannotClaim,
    CannotPause,
    CannotRevert,
    Clock,
    Due,
    PauseKind,
    ReturnState,
    Rules,
    Strength,
    Why,
    is_effective,
    why_no_room,
)

CHUNK = 250_000  # customer ids looked at in one transaction
_FINISHED_AT_ONCE = 20_000  # returns carried out in one transaction
_MORNING = 8  # o'clock, the company's: nobody is mailed before
_log = logging.getLogger(__name__)

# -- claiming --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Claimed:
    """What came of one wish; `why` None = the customer is the agent's now."""

    customer_id: int
    why: Why | None


@transaction.atomic
def claim_customers(*, customers: Sequence[int], by: User, at: datetime) -> list[Claimed]:
    """Take customers from the pool, as many as the rules allow; an answer for each, in order.

    The agent's own row is the lock of all his quotas: they are counted from the ledger under it,
    so two tabs cannot both pass, a claim that fails costs nothing, and giving back restores
    nothing. A customer is taken only while nobody owns it: of many who want one, one gets it.

    Six round trips and a commit, whatever the number of customers.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT FROM organisation_user WHERE id = %s FOR NO KEY UPDATE", [by.pk])
    rules = rules_at(at)
    agent, wanted = claim_facts(by, customers, rules=rules, at=at)
    answers: dict[int, Why | None] = {}
    chosen: list[int] = []
    for customer in dict.fromkeys(customers):
        one = wanted.get(customer)
        if one is None:
            answers[customer] = Why(
                _("This record was joined to another one. Open that one instead."), "B2"
            )
            continue
        why = why_not(agent, one, rules=rules, at=at) or why_no_room(
            agent, one.pool, rules, taking=len(chosen)
        )
        answers[customer] = why
        if why is None:
            chosen.append(customer)
    got = move_owners(
        moves=[Move(customer, None, by.pk) for customer in chosen], change=OwnerChange.CLAIMED,
        rule="claim", rule_version=rules.version, known=[by.pk], by=by, at=at,
    ) if chosen else set()  # fmt: skip
    for customer in chosen:
        if customer not in got:
            answers[customer] = Why(_("A colleague was quicker by a moment."), "B3")
    return [Claimed(customer, why) for customer, why in answers.items()]


def claim_customer(*, customer: Customer, by: User, at: datetime) -> Customer:
    """Take one customer from the pool. Raises CannotClaim with the rule that says no."""
    [answer] = claim_customers(customers=[customer.pk], by=by, at=at)
    if answer.why is not None:
        raise CannotClaim(answer.why.message, rule=answer.why.rule)
    return Customer.objects.select_related("owner", "team").get(pk=customer.pk)


# -- what keeps a customer -------------------------------------------------------------------------


@transaction.atomic
def note_act(
    *,
    customer_id: int,
    kind: ActKind,
    strength: Strength,
    source: str,
    talk_seconds: int | None = None,
    is_deal: bool = False,
    by: User,
    at: datetime,
) -> Act | None:
    """Somebody did something with a customer; None if `source` told it before.

    by      who did it, not who typed it in
    source  "app.Model:pk" of the row that proves it

    It keeps the customer if it is effective by the rule of its time and done by the owner or a
    collaborator. The customer's row should be locked by the caller.
    """
    rules = rules_at(at)
    owner_id = Customer.objects.values_list("owner_id", flat=True).get(pk=customer_id)
    is_owners = owner_id is not None and (
        by.pk == owner_id or by.pk in helpers_of(customer_id, at=at)
    )
    act, is_new = Act.objects.get_or_create(
        source=source,
        defaults={
            "customer_id": customer_id, "by": by, "at": at, "kind": kind, "strength": strength,
            "talk_seconds": talk_seconds, "is_deal": is_deal, "is_owners": is_owners,
            "is_effective": is_owners
            and is_effective(kind, talk_seconds=talk_seconds, rules=rules),
        },
    )  # fmt: skip
    if not is_new:
        return None
    days = rules.protect_days[strength] if act.is_effective else 0
    if days and strength != Strength.ORDER and not _may_protect(owner_id, rules, at=at):
        days = 0
    _move_standing(
        customer_id,
        effective_at=at if act.is_effective else None,
        dealt_at=at if is_deal else None,
        protected_until=at + days * DAY if days else None,
    )
    if act.is_effective:
        # It keeps the customer, or the night's run says anew until when.
        Losing.objects.filter(customer=customer_id).delete()
        saved = Return.objects.open().filter(customer=customer_id).exclude(clock=Clock.GONE)
        if not is_deal:
            saved = saved.exclude(clock=Clock.DEAL)
        saved.update(state=ReturnState.KEPT, decided_at=at, decided_by=by)
    return act


def _may_protect(owner_id: int | None, rules: Rules, *, at: datetime) -> bool:
    """Whether one more of the owner's customers may be protected by a result."""
    percent = max(pool.protected_percent for pool in rules.pools)
    mine = Customer.objects.filter(owner=owner_id, merged_into=None)
    held = mine.count()
    protected = mine.filter(keeping__protected_until__gt=at).count()
    return (protected + 1) * 100 <= percent * max(held, 10)


def _move_standing(
    customer_id: int,
    *,
    effective_at: datetime | None,
    dealt_at: datetime | None,
    protected_until: datetime | None,
) -> None:
    """Instants move forward, never back; None leaves one as it is."""
    if effective_at is dealt_at is protected_until is None:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO ownership_standing AS standing
                   (customer_id, effective_at, dealt_at, protected_until)
               VALUES (%s, %s, %s, %s)
               ON CONFLICT (customer_id) DO UPDATE SET
                   effective_at = greatest(standing.effective_at, excluded.effective_at),
                   dealt_at = greatest(standing.dealt_at, excluded.dealt_at),
                   protected_until = greatest(standing.protected_until, excluded.protected_until)
            """,
            [customer_id, effective_at, dealt_at, protected_until],
        )


@transaction.atomic
def rebuild_standings() -> None:
    """Make every standing anew from the acts, by the rules in force; the same as they had become
    one by one, but for protection, which is the longest that any act gave."""
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO ownership_standing AS standing
                   (customer_id, effective_at, dealt_at, protected_until)
               SELECT customer_id, max(at) FILTER (WHERE is_effective),
                      max(at) FILTER (WHERE is_deal), NULL
               FROM ownership_act WHERE is_effective OR is_deal
               GROUP BY customer_id
               ON CONFLICT (customer_id) DO UPDATE SET
                   effective_at = excluded.effective_at, dealt_at = excluded.dealt_at"""
        )


# -- losing ----------------------------------------------------------------------------------------


def return_due(*, at: datetime) -> Run | None:
    """Tonight's run: carry out the returns whose time has come, look at every owned customer,
    announce those whose day is over and write down those it comes for.

    See rulebooks.actions.walk for what becomes of a run that is killed, or asked for again. None
    while another process runs it.
    """

    def carry_out() -> None:
        while finish_returns(at=at):
            pass

    @cache
    def standards(at: datetime) -> tuple[Rules, Calendars, Collection[int]]:
        return rules_at(at), calendars(at=at), gone_owners()

    def look(after: int, upto: int, at: datetime) -> dict[str, int]:
        rules, cal, gone = standards(at)
        return {
            "announced": _look_at(after=after, upto=upto, rules=rules, cal=cal, gone=gone, at=at)
        }

    run = walk(
        book=BOOK,
        version=rules_at(at).version,
        on=today_of(at),
        last=Customer.objects.aggregate(last=Max("pk"))["last"] or 0,
        chunk=CHUNK,
        look=look,
        before=carry_out,
        at=at,
    )
    if run is not None and run.finished_at == at:
        for owner in Losing.objects.order_by().values_list("owner", flat=True).distinct():
            publish("losing", topics=[f"user:{owner}"])
    return run


def _look_at(
    *, after: int, upto: int, rules: Rules, cal: Calendars, gone: Collection[int], at: datetime
) -> int:
    """One stretch of customers. Returns how many were announced."""
    today = today_of(at)
    Losing.objects.filter(customer__gt=after, customer__lte=upto).delete()
    if not rules.is_on:
        return 0
    ahead = max(rules.warn_days, default=0)
    horizon = cal.company.last_day(today, ahead) if ahead else today
    rows = maybe_due(
        after=after, upto=upto, rules=rules, company=cal.company, gone=gone, today=horizon, at=at
    )
    over, soon = [], []
    for row, due in judge(rows, rules=rules, cal=cal, gone=gone, at=at):
        if due.last_on < today:
            over.append((row, due))
        elif due.last_on < horizon:
            soon.append((row, due))
    ids = [row.customer_id for row, _due in (*over, *soon)]
    spared = exempt(ids, at=at).keys()
    on_the_way = set(
        Return.objects.open().filter(customer__in=ids).values_list("customer", flat=True)
    )
    _write_losing([(row, due) for row, due in soon if row.customer_id not in spared])
    announced = [
        (row, due)
        for row, due in over
        if row.customer_id not in on_the_way
        and (row.customer_id not in spared or due.clock is Clock.GONE)
    ]
    _announce(announced, rules=rules, at=at)
    return len(announced)


# Written from arrays: tens of thousands of rows a night, each six times as fast as bulk_create.


def _write_losing(rows: Sequence[tuple[MaybeDue, Due]]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO ownership_losing (customer_id, owner_id, owned_since, last_on, clock)
               SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::timestamptz[], %s::date[],
                                    %s::text[])""",
            [
                [row.customer_id for row, _due in rows],
                [row.owner_id for row, _due in rows],
                [row.owned_since for row, _due in rows],
                [due.last_on for _row, due in rows],
                [str(due.clock) for _row, due in rows],
            ],
        )


def _announce(rows: Sequence[tuple[MaybeDue, Due]], *, rules: Rules, at: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO ownership_return (customer_id, owner_id, clock, last_on, rule_version,
                                             state, announced_at, until_at, reason)
               SELECT one.customer, one.owner, one.clock, one.last_on, %s, 'announced', %s,
                      CASE WHEN one.clock = 'gone' THEN %s ELSE %s END, ''
               FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::date[])
                    AS one (customer, owner, clock, last_on)""",
            [
                rules.version, at, at + timedelta(hours=rules.gone_hours),
                at + timedelta(hours=rules.soft_hours),
                [row.customer_id for row, _due in rows],
                [row.owner_id for row, _due in rows],
                [str(due.clock) for _row, due in rows],
                [None if due.clock is Clock.GONE else due.last_on for _row, due in rows],
            ],
        )  # fmt: skip


@transaction.atomic
def finish_returns(*, at: datetime) -> int:
    """Carry out announced returns whose hours are over, the oldest first, at most 20,000 at once.

    Each is judged once more by the rules that announced it: a customer worked meanwhile stays, and
    so does one with a new owner or a reason to be spared. Returns how many were decided; 0 = done.
    """
    waiting = list(
        Return.objects.select_for_update(of=("self",), skip_locked=True)
        .open()
        .filter(until_at__lte=at)
        .order_by("until_at", "id")[:_FINISHED_AT_ONCE]
    )
    if not waiting:
        return 0
    still = _still_due(waiting, at=at)
    returned: set[int] = set()
    for version in sorted({one.rule_version for one in still}):
        for clock in Clock:
            group = [o for o in still if o.rule_version == version and o.clock == clock]
            if group:
                returned |= move_owners(
                    moves=[Move(one.customer_id, one.owner_id, None) for one in group],
                    change=OwnerChange.RETURNED, reason=str(clock.label), rule=clock,
                    rule_version=version, by=system_user(), at=at,
                )  # fmt: skip
    gone = [one.pk for one in waiting if one.customer_id in returned]
    kept = [one.pk for one in waiting if one.customer_id not in returned]
    Return.objects.filter(pk__in=gone).update(state=ReturnState.RETURNED, decided_at=at)
    Return.objects.filter(pk__in=kept).update(state=ReturnState.KEPT, decided_at=at)
    Losing.objects.filter(customer__in=returned).delete()
    for owner in {one.owner_id for one in waiting if one.customer_id in returned}:
        publish("losing", topics=[f"user:{owner}"])
    return len(waiting)


def _still_due(waiting: Sequence[Return], *, at: datetime) -> list[Return]:
    """Those whose owner still has the customer and has not kept it. Locks the customers."""
    ids = sorted(one.customer_id for one in waiting)
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT customer.id, customer.owner_id, customer.owned_since, customer.team_id,
                      standing.effective_at, standing.dealt_at, standing.protected_until
               FROM customers_customer AS customer
               LEFT JOIN ownership_standing AS standing ON standing.customer_id = customer.id
               WHERE customer.id = ANY(%s) AND customer.owner_id IS NOT NULL
               ORDER BY customer.id FOR NO KEY UPDATE OF customer""",
            [ids],
        )
        now = {row[0]: MaybeDue(*row) for row in cursor.fetchall()}
    gone = gone_owners()
    owners = {row.owner_id for row in now.values()}
    cal = calendars(at=at, agents=owners)
    spared = exempt(ids, at=at)
    versions = every_version(BOOK)
    still = []
    for version in {one.rule_version for one in waiting}:
        mine = [
            one
            for one in waiting
            if one.rule_version == version
            and one.customer_id in now
            and now[one.customer_id].owner_id == one.owner_id
        ]
        rules = versions[version]
        judged = {
            row.customer_id: due
            for row, due in judge(
                [now[one.customer_id] for one in mine], rules=rules, cal=cal, gone=gone, at=at
            )
        }
        for one in mine:
            due = judged.get(one.customer_id)
            if due is None or due.last_on >= today_of(at):
                continue
            if due.clock is Clock.GONE or one.customer_id not in spared:
                still.append(one)
    return still


@transaction.atomic
def revert_return(*, returning: Return, reason: str, by: User, at: datetime) -> Return:
    """A leader keeps a customer for its owner, with a reason; it is safe for as many days as a
    strong result protects. Raises CannotRevert when it is decided already, or without a reason."""
    if not reason.strip():
        raise CannotRevert(_("Say why the owner keeps this customer."), rule="B4")
    Customer.objects.select_for_update(no_key=True).only("pk").get(pk=returning.customer_id)
    reverted = (
        Return.objects.open()
        .filter(pk=returning.pk)
        .exclude(clock=Clock.GONE)
        .update(
            state=ReturnState.REVERTED, decided_at=at, decided_by=by, reason=reason.strip()[:200]
        )
    )
    if not reverted:
        raise CannotRevert(
            _("This customer is in the pool already, or was kept. Hand it over from its record."),
            rule="B4",
        )
    days = rules_at(at).protect_days[Strength.STRONG]
    _move_standing(
        returning.customer_id, effective_at=None, dealt_at=None,
        protected_until=at + max(days, 1) * DAY,
    )  # fmt: skip
    record(
        "return.reverted", of=returning, by=by.username, at=at, customer=returning.customer_id,
        owner=returning.owner_id,
    )  # fmt: skip
    returning.refresh_from_db()
    return returning


# -- warnings by mail ------------------------------------------------------------------------------


@transaction.atomic
def ask_for_warnings(*, address: str, language: str, by: User, at: datetime) -> WarningMail:
    """From the next morning on, one mail on each day that brings a warning."""
    asked, _made = WarningMail.objects.update_or_create(
        user=by, defaults={"address": address, "language": language}
    )
    record("warnings.asked", of=by, by=by.username, at=at)
    return asked


@transaction.atomic
def stop_warnings(*, by: User, at: datetime) -> bool:
    """No more mail; False if there was none."""
    count, _rows = WarningMail.objects.filter(user=by).delete()
    if count:
        record("warnings.stopped", of=by, by=by.username, at=at)
    return bool(count)


def send_warnings(*, at: datetime, link: str) -> int:
    """This morning's mails; returns how many were sent. Nothing before the morning, and each
    person is looked at once a day: asked for again, it goes on with those who are left.

    link  the address of the list, for the mail; "" when Furrow does not know its own

    A mail tells how many, never who: it leaves the house. What the mail server refuses is tried
    again in an hour; a process killed between sending and remembering sends that one mail twice.
    """
    if at.astimezone(company_zone()).hour < _MORNING:
        return 0
    asked = WarningMail.objects.exclude(sent_on=today_of(at))
    waiting = list(
        asked.filter(user__in=User.objects.agents()).order_by("pk").values_list("pk", flat=True)
    )
    if not waiting:
        return 0
    sent = 0
    try:
        with get_connection() as server:
            for pk in waiting:
                try:
                    with transaction.atomic():
                        sent += _send_warning(pk, link=link, server=server, at=at)
                except SMTPException:  # one address refused; the others are not to wait for it
                    _log.warning("the mail server refused the warning of user %d", pk)
    except OSError as problem:
        _log.warning("no mail server, tried again in an hour: %s", problem)
    return sent


def _send_warning(pk: int, *, link: str, server: BaseEmailBackend, at: datetime) -> bool:
    today = today_of(at)
    asked = (
        WarningMail.objects.select_for_update(of=("self",), skip_locked=True)
        .exclude(sent_on=today)
        .select_related("user")
        .filter(pk=pk)
        .first()
    )
    if asked is None:
        return False
    asked.sent_on = today
    asked.save(update_fields=["sent_on"])
    told = warned(asked.user, at=at)
    if not told.total:
        return False
    with translation.override(asked.language):
        subject, text = warning_letter(told, link=link)
    message = EmailMessage(subject, text, to=[asked.address], connection=server)
    return bool(message.send())


# -- rules and days that do not count --------------------------------------------------------------


@transaction.atomic
def add_pause(
    *,
    kind: PauseKind,
    agent: User | None,
    starts_at: datetime,
    ends_at: datetime,
    note: str = "",
    by: User,
    at: datetime,
) -> Pause:
    """Days that do not count: an agent's approved leave, or an outage for everybody.

    Raises CannotPause for an end before the beginning, or more than a year.
    """
    if not starts_at < ends_at <= starts_at + 366 * DAY:
        raise CannotPause(_("It has to end after it begins, within a year."), rule="B4")
    if (kind is PauseKind.LEAVE) != (agent is not None):
        raise CannotPause(_("Leave is one agent's; an outage is everybody's."), rule="B4")
    pause = Pause.objects.create(
        kind=kind, agent=agent, starts_at=starts_at, ends_at=ends_at, note=note.strip()[:200],
        by=by, at=at,
    )  # fmt: skip
    record(
        "pause.added", of=pause, by=by.username, at=at, kind=kind, agent=agent.pk if agent else None
    )
    return pause


@transaction.atomic
def cancel_pause(*, pause: Pause, by: User, at: datetime) -> bool:
    """These days count again. False if it was cancelled before."""
    if not Pause.objects.standing().filter(pk=pause.pk).update(cancelled_at=at, cancelled_by=by):
        return False
    record("pause.cancelled", of=pause, by=by.username, at=at)
    return True


# -- merging ---------------------------------------------------------------------------------------


def move_acts(duplicate: Customer, kept: Customer) -> None:
    Act.objects.filter(customer=duplicate).update(customer=kept)


def move_standing(duplicate: Customer, kept: Customer) -> None:
    """What kept the duplicate keeps the joined customer if one person owns both; a sale counts
    whoever made it."""
    theirs = Standing.objects.filter(customer=duplicate).first()
    if theirs is None:
        return
    is_same = duplicate.owner_id == kept.owner_id
    _move_standing(
        kept.pk,
        effective_at=theirs.effective_at if is_same else None,
        dealt_at=theirs.dealt_at,
        protected_until=theirs.protected_until if is_same else None,
    )
    theirs.delete()
