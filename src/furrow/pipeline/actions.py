"""Everything that moves customers along the pipeline and scores them."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from furrow.audit.actions import record
from furrow.common.realtime import publish
from furrow.common.sql import load_sql
from furrow.customers.actions import assign_customer
from furrow.customers.models import Customer
from furrow.customers.rules import OwnerChange
from furrow.organisation.actions import system_user
from furrow.organisation.models import User
from furrow.organisation.rules import Act
from furrow.ownership.declarations import traits_of
from furrow.ownership.queries import claim_facts, today_of
from furrow.ownership.queries import rules_at as limits_at
from furrow.ownership.rules import why_hands_full
from furrow.rulebooks.actions import walk
from furrow.rulebooks.models import Run
from furrow.rulebooks.queries import rules_at
from furrow.teamwork.duties import move_duties

from .models import HandOff, ScoreGiven, StageMove, Standing
from .queries import BOOK
from .rules import (
    CannotHandOff,
    CannotMove,
    ExitOn,
    HandOffState,
    OutReason,
    PipelineRules,
    Score,
    Stage,
    check_move,
    check_score,
    entry_of,
    exit_of,
)

CHUNK = 250_000  # customer ids looked at in one transaction

# -- entering, scores, moves -----------------------------------------------------------------------


@transaction.atomic
def enter_pipeline(
    *, customer_ids: Iterable[int], stage: Stage | None = None, by: User, at: datetime
) -> int:
    """Put customers at their first stage; those already in the pipeline stay where they are.

    stage  None = where the pipeline's rules let newcomers like them begin

    Returns how many entered. One audit event per stage; safe to repeat.
    """
    wanted = sorted(set(customer_ids))
    stages = [stage] * len(wanted) if stage else _entries(wanted, at=at)
    with connection.cursor() as cursor:
        cursor.execute(
            load_sql("furrow.pipeline", "enter"),
            {"customers": wanted, "stages": list(map(str, stages)), "by": by.pk, "at": at},
        )
        entered: dict[str, int] = dict(cursor.fetchall())
    for at_stage, count in sorted(entered.items()):
        record("pipeline.entered", of=by, by=by.username, at=at, stage=at_stage, customers=count)
    return sum(entered.values())


def _entries(customers: Collection[int], *, at: datetime) -> list[Stage]:
    rules = rules_at(BOOK, at)
    asked = {trait for one in rules.stages.values() for trait in one.enters}
    known = traits_of(customers, asked, at=at)
    return [entry_of(rules, known.get(customer, {})) for customer in customers]


@transaction.atomic
def give_score(*, customer: Customer, score: Score, value: int, by: User, at: datetime) -> Standing:
    """Give CP or PI; what the stage's rules say of it follows: on to the next, or out (C1).

    A customer not yet in the pipeline enters it. Raises BadScore outside 0 to 5.
    """
    check_score(value)
    standing = _locked(customer, by=by, at=at)
    given = ScoreGiven.objects.create(customer=customer, score=score, value=value, by=by, at=at)
    setattr(standing, Score(score).value, value)
    standing.save()
    record(
        "score.given", of=given, by=by.username, at=at,
        customer=customer.pk, score=score, value=value,
    )  # fmt: skip
    rules = rules_at(BOOK, at)
    stage = Stage(standing.stage)
    if standing.out:
        return standing
    if score == Score.CP and stage is Stage.SCREENING and value <= rules.no_intent_cp:
        _move(standing, stage, out=OutReason.NO_INTENT, reason=f"CP {value}", by=by, at=at)
    elif onward := exit_of(rules, stage, ExitOn(score), value):
        _move(standing, onward, reason=f"{score.upper()} {value}", by=by, at=at)
    return standing


@transaction.atomic
def note_sale(*, customer: Customer, by: User, at: datetime) -> Standing:
    """Somebody bought: on to where the rules lead from a sale."""
    standing = _locked(customer, by=by, at=at)
    onward = exit_of(rules_at(BOOK, at), Stage(standing.stage), ExitOn.SALE)
    if onward is not None:
        _move(standing, onward, reason=str(ExitOn.SALE.label), by=by, at=at)
    return standing


@transaction.atomic
def move_stage(*, customer: Customer, to: Stage, reason: str, by: User, at: datetime) -> Standing:
    """Hand a customer to another stage. Raises CannotMove without a reason or a way there, and
    for somebody else's customer: only who may give customers away moves those."""
    if not reason.strip():
        raise CannotMove(_("Say why the customer moves to another stage."), rule="C1")
    if customer.owner_id not in (None, by.pk) and not by.can(Act.ASSIGN_CUSTOMERS):
        raise CannotMove(
            _("Whoever looks after this customer moves it to another stage, or a leader."),
            rule="B3",
        )
    standing = _locked(customer, by=by, at=at)
    if standing.out:
        raise CannotMove(
            _("Screening took this customer out. A manager brings it back first."), rule="C4"
        )
    check_move(Stage(standing.stage), to)
    _move(standing, to, reason=reason.strip(), by=by, at=at)
    return standing


# -- out, and back ---------------------------------------------------------------------------------


@transaction.atomic
def take_out(*, customer: Customer, because: OutReason, by: User, at: datetime) -> bool:
    """Screening takes a customer out: nobody sells to them any more (C1, C4). False for one who
    is past screening, or out already."""
    standing = _locked(customer, by=by, at=at)
    if standing.stage != Stage.SCREENING or standing.out:
        return False
    _move(standing, Stage.SCREENING, out=because, reason="", by=by, at=at)
    return True


@transaction.atomic
def take_out_unreachable(*, after: int, upto: int, by: User, at: datetime) -> int:
    """Of customers with ids in (after, upto], take out of screening whom nobody may ever call any
    more: empty, wrong, forbidden. Returns how many; safe to repeat."""
    with connection.cursor() as cursor:
        cursor.execute(load_sql("furrow.pipeline", "unreachable"), {"after": after, "upto": upto})
        found = {customer: OutReason(reason) for customer, reason in cursor.fetchall()}
    standings = Standing.objects.select_for_update(no_key=True).filter(
        customer__in=found, stage=Stage.SCREENING, out=""
    )
    out = list(standings.order_by("customer_id"))
    for standing in out:
        because = found[standing.customer_id]
        _move(standing, Stage.SCREENING, out=because, reason="", by=by, at=at)
    return len(out)


@transaction.atomic
def bring_back(*, customer: Customer, reason: str, by: User, at: datetime) -> Standing:
    """Somebody with the right lets a customer be sold to again, with a reason (C4)."""
    standing = _locked(customer, by=by, at=at)
    if not by.can(Act.LIFT_SUPPRESSION):
        raise CannotMove(_("A manager brings back whom screening took out."), rule="C4")
    if not standing.out or not reason.strip():
        raise CannotMove(_("Say why the customer may be called again."), rule="C4")
    _move(standing, Stage(standing.stage), reason=reason.strip(), by=by, at=at)
    return standing


# -- hand-offs -------------------------------------------------------------------------------------


@transaction.atomic
def accept_handoff(*, handoff: HandOff, to: User | None, by: User, at: datetime) -> HandOff:
    """The receiving team takes the customer: `to` (None = `by`) looks after it from now on.

    An owner of that team keeps it; promises follow the customer. Raises CannotHandOff when it is
    decided already, `to` is not of the team or has no room for another, and for an agent who
    would give the customer to a colleague, or accept what they sent themselves.
    """
    owner = to or by
    if owner.team_id != handoff.team_id:
        raise CannotHandOff(_("Choose somebody of the team the customer was sent to."), rule="C1")
    if not by.can(Act.ASSIGN_CUSTOMERS):
        if owner.pk != by.pk:
            raise CannotHandOff(_("A leader gives customers to colleagues."), rule="B3")
        if handoff.sent_by_id == by.pk:
            raise CannotHandOff(_("Somebody else accepts what you sent."), rule="C1")
        rules = limits_at(at)
        agent, wanted = claim_facts(by, [handoff.customer_id], rules=rules, at=at)
        theirs = wanted.get(handoff.customer_id)
        if theirs and (why := why_hands_full(agent, theirs.pool)):
            raise CannotHandOff(why.message, rule=why.rule)
    _decide(handoff, HandOffState.ACCEPTED, by=by, at=at)
    customer = Customer.objects.select_related("owner").get(pk=handoff.customer_id)
    before = customer.owner
    if before is None or before.team_id != handoff.team_id:
        assign_customer(
            customer=customer, to=owner,
            change=OwnerChange.TRANSFERRED if before else OwnerChange.ALLOCATED,
            reason=str(Stage(handoff.to_stage).label), rule="C1", by=by, at=at,
        )  # fmt: skip
        if before is not None:
            move_duties({customer.pk: owner.pk}, person=before, at=at)
    record(
        "handoff.accepted", of=handoff, by=by.username, at=at,
        customer=customer.pk, owner=owner.pk,
    )  # fmt: skip
    return handoff


@transaction.atomic
def return_handoff(*, handoff: HandOff, reason: str, by: User, at: datetime) -> HandOff:
    """The receiving team sends a customer back to the stage it came from, with a reason."""
    if not reason.strip():
        raise CannotHandOff(_("Say why the customer goes back."), rule="C1")
    _decide(handoff, HandOffState.RETURNED, reason=reason.strip()[:200], by=by, at=at)
    standing = _locked(handoff.customer, by=by, at=at)
    back = Stage(handoff.from_stage)
    _move(standing, back, reason=handoff.reason, by=by, at=at, is_return=True)
    record("handoff.returned", of=handoff, by=by.username, at=at, customer=handoff.customer_id)
    publish("handoff", topics=[f"user:{handoff.sent_by_id}"], handoff=handoff.pk)
    return handoff


def _decide(
    handoff: HandOff, state: HandOffState, *, reason: str = "", by: User, at: datetime
) -> None:
    is_first = (
        HandOff.objects.open()
        .filter(pk=handoff.pk)
        .update(state=state, decided_by=by, decided_at=at, reason=reason)
    )
    if not is_first:
        raise CannotHandOff(_("Somebody decided this already."), rule="C1")
    handoff.refresh_from_db()


@transaction.atomic
def remind_of_handoffs(*, at: datetime) -> int:
    """Tell the leaders of teams that have not accepted in time, once each. Returns how many."""
    late = list(
        HandOff.objects.select_for_update(of=("self",), skip_locked=True)
        .open()
        .filter(due_at__lte=at, reminded_at=None)
        .order_by("pk")[:5000]
    )
    HandOff.objects.filter(pk__in=[one.pk for one in late]).update(reminded_at=at)
    for team in {one.team_id for one in late}:
        leaders = User.objects.filter(team=team, role="leader", is_active=True)
        topics = [f"user:{pk}" for pk in leaders.order_by("pk").values_list("pk", flat=True)]
        count = sum(one.team_id == team for one in late)
        if topics:
            publish("handoff-late", topics=topics, count=count)
        record(
            "handoffs.late", of=system_user(), by=system_user().username, at=at,
            team=team, count=count,
        )  # fmt: skip
    return len(late)


# -- the night, and the ledger ---------------------------------------------------------------------


def look_at_everybody(*, at: datetime) -> Run | None:
    """Each night: levels from recent payments, buyers on to where a sale leads, the unreachable
    out of screening. See rulebooks.actions.walk. None while another process does it."""
    by = system_user()

    def look(after: int, upto: int, at: datetime) -> Mapping[str, int]:
        bought = set_levels(after=after, upto=upto, rules=rules_at(BOOK, at), at=at)
        moved = 0
        for customer in Customer.objects.filter(pk__in=bought).order_by("pk"):
            before = Standing.objects.get(customer=customer).stage
            moved += note_sale(customer=customer, by=by, at=at).stage != before
        return {
            "bought": moved,
            "out": take_out_unreachable(after=after, upto=upto, by=by, at=at),
        }

    return walk(
        book=BOOK,
        version=rules_at(BOOK, at).version,
        on=today_of(at),
        last=Standing.objects.aggregate(last=Max("pk"))["last"] or 0,
        chunk=CHUNK,
        look=look,
        at=at,
    )


@transaction.atomic
def set_levels(*, after: int, upto: int, rules: PipelineRules, at: datetime) -> list[int]:
    """L0 to L5 of customers with ids in (after, upto]; returns those who paid since they came to
    their stage. One statement; safe to repeat."""
    with connection.cursor() as cursor:
        cursor.execute(
            load_sql("furrow.pipeline", "levels"),
            {
                "after": after, "upto": upto,
                "since": at - timedelta(days=rules.level_days),
                "levels": list(rules.levels_minor),
            },
        )  # fmt: skip
        return [customer for customer, has_paid_since in cursor.fetchall() if has_paid_since]


@transaction.atomic
def rebuild_standings() -> int:
    """Make stages anew from the ledger; scores and levels stay. Returns how many were otherwise."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""INSERT INTO pipeline_standing AS standing (customer_id, stage, since, out)
                {load_sql("furrow.pipeline", "replay")}
                ON CONFLICT (customer_id) DO UPDATE
                    SET stage = excluded.stage, since = excluded.since, out = excluded.out
                    WHERE (standing.stage, standing.since, standing.out)
                        IS DISTINCT FROM (excluded.stage, excluded.since, excluded.out)"""  # noqa: S608
        )
        return int(cursor.rowcount)


# -- merging ---------------------------------------------------------------------------------------
# Of two standings the one further on counts: not out before out, then the later stage; else the
# kept record's own. The other's moves are kept, and not replayed.


def _is_duplicates(duplicate: Customer, kept: Customer) -> bool:
    """Whether the duplicate's standing is the one that counts."""

    def rank(standing: Standing) -> tuple[bool, int]:
        return not standing.out, list(Stage).index(Stage(standing.stage))

    theirs = Standing.objects.filter(customer=duplicate).first()
    ours = Standing.objects.filter(customer=kept).first()
    return theirs is not None and (ours is None or rank(theirs) > rank(ours))


def move_moves(duplicate: Customer, kept: Customer) -> None:
    losing = kept if _is_duplicates(duplicate, kept) else duplicate
    StageMove.objects.filter(customer=losing).update(counts=False)
    StageMove.objects.filter(customer=duplicate).update(customer=kept)


def move_standing(duplicate: Customer, kept: Customer) -> None:
    """The moves have followed already: names are in order, `pipeline.StageMove` comes first."""
    theirs = Standing.objects.filter(customer=duplicate).first()
    if theirs is None:
        return
    ours = Standing.objects.filter(customer=kept).first()
    is_theirs = _is_duplicates(duplicate, kept)
    joined = ours or Standing(customer=kept)
    if is_theirs:
        joined.stage, joined.since, joined.out = theirs.stage, theirs.since, theirs.out
    for name in ("cp", "pi", "level"):
        if getattr(joined, name) is None:
            setattr(joined, name, getattr(theirs, name))
    joined.save()
    theirs.delete()


def move_scores(duplicate: Customer, kept: Customer) -> None:
    ScoreGiven.objects.filter(customer=duplicate).update(customer=kept)


def move_handoffs(duplicate: Customer, kept: Customer) -> None:
    """One open hand-off remains: that of the standing that counts."""
    both = HandOff.objects.open().filter(customer__in=[duplicate, kept])
    if both.count() > 1:
        for one in both.filter(customer=kept if _is_duplicates(duplicate, kept) else duplicate):
            one.state, one.decided_at = HandOffState.PASSED, one.sent_at
            one.save()
    HandOff.objects.filter(customer=duplicate).update(customer=kept)


def _locked(customer: Customer, *, by: User, at: datetime) -> Standing:
    enter_pipeline(customer_ids=[customer.pk], by=by, at=at)
    return Standing.objects.select_for_update(no_key=True).get(customer=customer)


def _move(
    standing: Standing,
    to: Stage,
    *,
    out: OutReason | str = "",
    reason: str,
    by: User,
    at: datetime,
    is_return: bool = False,
) -> None:
    """The ledger first: the database refuses a standing without its move."""
    last = StageMove.objects.filter(customer=standing.customer_id, counts=True).aggregate(
        at=Max("at")
    )["at"]
    at = max(at, last) if last else at
    move = StageMove.objects.create(
        customer_id=standing.customer_id, from_stage=standing.stage, to_stage=to, out=out,
        reason=reason[:200], by=by, at=at,
    )  # fmt: skip
    standing.stage, standing.since, standing.out = to, at, out
    standing.save()
    record(
        "stage.moved", of=move, by=by.username, at=at,
        customer=standing.customer_id, from_stage=move.from_stage, to_stage=to, out=str(out),
    )  # fmt: skip
    if move.from_stage != to or out:
        HandOff.objects.open().filter(customer=standing.customer_id).update(
            state=HandOffState.PASSED, decided_by=by, decided_at=at
        )
        if move.from_stage != to and not is_return:
            _hand_off(move, at=at)


def _hand_off(move: StageMove, *, at: datetime) -> None:
    """To the team of the new stage, unless it has the customer already."""
    rules = rules_at(BOOK, at).stages[Stage(move.to_stage)]
    if rules.team is None:
        return
    owner = Customer.objects.values_list("owner__team", flat=True).get(pk=move.customer_id)
    if rules.team == (owner or move.by.team_id):
        return
    handoff = HandOff.objects.create(
        customer_id=move.customer_id, from_stage=move.from_stage, to_stage=move.to_stage,
        team_id=rules.team, sent_by=move.by, sent_at=at,
        due_at=at + timedelta(hours=rules.accept_hours),
    )  # fmt: skip
    record(
        "handoff.sent", of=handoff, by=move.by.username, at=at,
        customer=move.customer_id, team=rules.team,
    )  # fmt: skip
