from datetime import timedelta
from typing import Any

import pytest
from django.db import ProgrammingError, transaction

from furrow.compliance.actions import set_calendar_day
from furrow.compliance.rules import DayKind
from furrow.customers.actions import assign_customer, merge_customers
from furrow.customers.models import Customer, OwnershipEvent
from furrow.customers.rules import OwnerChange
from furrow.customers.tests.make import make_customer, together
from furrow.organisation.actions import system_user
from furrow.organisation.models import User
from furrow.organisation.rules import Role
from furrow.organisation.tests.make import NOON, make_agent, make_team, make_user
from furrow.ownership import declarations
from furrow.ownership.actions import (
    add_pause,
    claim_customer,
    claim_customers,
    finish_returns,
    note_act,
    return_due,
    revert_return,
)
from furrow.ownership.models import Act, Losing, Return, Standing
from furrow.ownership.queries import BOOK, keeping_of, losing_of, losses_by_owner, rules_at, warned
from furrow.ownership.rules import (
    DAY,
    ActKind,
    CannotClaim,
    CannotRevert,
    Clock,
    PauseKind,
    ReturnState,
    Strength,
)
from furrow.rulebooks.actions import set_rules
from furrow.rulebooks.models import RuleVersion
from furrow.rulebooks.rules import CannotSetRules

from .make import make_act, make_body, put_in_force

HOUR = timedelta(hours=1)


def night(days: int) -> Any:
    """So many nights after NOON's day, at two."""
    return NOON + days * DAY - 18 * HOUR  # NOON is 20:00 in China


def pooled(count: int, *, team: Any) -> list[int]:
    return [make_customer(team=team).pk for _ in range(count)]


# -- claiming --------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_fifty_agents_claim_one_customer_and_one_gets_it() -> None:
    team = make_team()
    customer = make_customer(team=team)
    agents = [make_agent(team=team) for _ in range(50)]

    results = together(50, lambda i: claim_customer(customer=customer, by=agents[i], at=NOON))

    winners = [r for r in results if isinstance(r, Customer)]
    assert len(winners) == 1
    assert sum(isinstance(r, CannotClaim) for r in results) == 49
    customer.refresh_from_db()
    assert customer.owner == winners[0].owner
    assert OwnershipEvent.objects.filter(customer=customer).count() == 1


@pytest.mark.django_db(transaction=True)
def test_fifty_tabs_of_one_agent_share_the_last_place() -> None:
    put_in_force(pool={"claims_per_day": 3, "most_unworked": 100})
    team = make_team()
    agent = make_agent(team=team)
    ids = pooled(52, team=team)
    claim_customers(customers=ids[:2], by=agent, at=NOON)

    results = together(
        50, lambda i: claim_customers(customers=[ids[i + 2]], by=agent, at=NOON)[0].why
    )

    assert results.count(None) == 1
    assert Customer.objects.filter(owner=agent).count() == 3


@pytest.mark.django_db
def test_each_wish_of_a_batch_gets_its_answer() -> None:
    put_in_force(pool={"claims_per_day": 2, "most_unworked": 100})
    team = make_team()
    agent = make_agent(team=team)
    owned, stranger = make_customer(owner=make_agent(team=team)), make_customer()
    a, b, c = pooled(3, team=team)

    answers = claim_customers(
        customers=[owned.pk, a, stranger.pk, b, c, a, 10**9], by=agent, at=NOON
    )

    said = {answer.customer_id: answer.why for answer in answers}
    assert [pk for pk, why in said.items() if why is None] == [a, b]
    for pk, words in (
        (owned.pk, "has an owner"), (stranger.pk, "own team"), (c, "2 customers today"),
        (10**9, "joined"),
    ):  # fmt: skip
        why = said[pk]
        assert why is not None
        assert words in why.message
    event = OwnershipEvent.objects.get(customer=a)
    assert (event.change, event.rule, event.rule_version) == (OwnerChange.CLAIMED, "claim", 1)


@pytest.mark.django_db
def test_giving_back_restores_no_claim_and_another_day_does() -> None:
    put_in_force(pool={"claims_per_day": 2}, cool_down_days={})
    team = make_team()
    agent = make_agent(team=team)
    for customer in Customer.objects.filter(pk__in=pooled(2, team=team)):
        claim_customer(customer=customer, by=agent, at=NOON)
        assign_customer(customer=customer, to=None, change=OwnerChange.RELEASED, by=agent, at=NOON)
    fresh = make_customer(team=team)

    with pytest.raises(CannotClaim, match="2 customers today"):
        claim_customer(customer=fresh, by=agent, at=NOON + 3 * HOUR)
    assert claim_customer(customer=fresh, by=agent, at=NOON + 4 * HOUR).owner == agent


@pytest.mark.django_db
def test_work_what_you_hold_before_claiming_more() -> None:
    put_in_force(pool={"most_unworked": 1})
    team = make_team()
    agent = make_agent(team=team)
    first, second = make_customer(team=team), make_customer(team=team)
    claim_customer(customer=first, by=agent, at=NOON)
    with pytest.raises(CannotClaim, match="first real conversation"):
        claim_customer(customer=second, by=agent, at=NOON)

    make_act(customer=first, by=agent, at=NOON + HOUR)

    assert claim_customer(customer=second, by=agent, at=NOON + HOUR).owner == agent


@pytest.mark.django_db
def test_who_lost_a_customer_waits_longer_than_who_gave_it_back() -> None:
    put_in_force(farming={"releases": 100, "days": 7, "within_hours": 48})
    team = make_team()
    agent, leader = make_agent(team=team), make_user(role=Role.LEADER, team=team)
    for change, by, days in (
        (OwnerChange.RELEASED, agent, 7), (OwnerChange.RETURNED, system_user(), 15),
        (OwnerChange.TRANSFERRED, leader, 0),
    ):  # fmt: skip
        customer = make_customer(owner=agent)
        assign_customer(customer=customer, to=None, change=change, by=by, at=NOON)
        if days:
            with pytest.raises(CannotClaim, match="colleague's turn"):
                claim_customer(customer=customer, by=agent, at=NOON + days * DAY - HOUR)
        claim_customer(customer=customer, by=agent, at=NOON + days * DAY)


@pytest.mark.django_db
def test_claiming_and_giving_back_unworked_stops_claiming() -> None:
    put_in_force(
        farming={"releases": 3, "days": 7, "within_hours": 48}, pool={"claims_per_day": 100}
    )
    team = make_team()
    agent = make_agent(team=team)
    worked = make_customer(team=team)
    claim_customer(customer=worked, by=agent, at=NOON)
    make_act(customer=worked, by=agent, at=NOON)
    assign_customer(customer=worked, to=None, change=OwnerChange.RELEASED, by=agent, at=NOON)
    for _ in range(3):
        customer = make_customer(team=team)
        claim_customer(customer=customer, by=agent, at=NOON)
        assign_customer(
            customer=customer, to=None, change=OwnerChange.RELEASED, by=agent, at=NOON + HOUR
        )

    fresh = make_customer(team=team)
    with pytest.raises(CannotClaim, match="gave 3 claimed customers back"):
        claim_customer(customer=fresh, by=agent, at=NOON + DAY)
    claim_customer(customer=fresh, by=agent, at=NOON + 8 * DAY)


# -- acts ------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_only_the_owners_real_work_keeps_a_customer() -> None:
    agent, other = make_agent(), make_agent()
    customer = make_customer(owner=agent)
    make_act(customer=customer, by=other, at=NOON + HOUR)
    make_act(customer=customer, by=agent, at=NOON + HOUR, talk_seconds=3)
    assert not Standing.objects.filter(customer=customer).exists()

    make_act(customer=customer, by=agent, at=NOON + 2 * HOUR, strength=Strength.MEDIUM)
    make_act(customer=customer, by=agent, at=NOON + HOUR)  # told late: nothing moves back

    standing = Standing.objects.get(customer=customer)
    assert standing.effective_at == NOON + 2 * HOUR
    assert standing.protected_until == NOON + 2 * HOUR + 3 * DAY


@pytest.mark.django_db
def test_a_helpers_work_keeps_it_and_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    agent, helper = make_agent(), make_agent()
    customer = make_customer(owner=agent)
    sql = f"SELECT {customer.pk} AS customer_id, {helper.pk} AS user_id"
    monkeypatch.setattr(declarations, "_helpers", [sql])
    make_act(customer=customer, by=helper, at=NOON)
    assert Standing.objects.get(customer=customer).effective_at == NOON

    told = {"customer_id": customer.pk, "kind": ActKind.VISIT, "strength": Strength.WEAK}
    assert note_act(**told, source="x:1", by=agent, at=NOON) is not None  # type: ignore[arg-type]
    assert note_act(**told, source="x:1", by=agent, at=NOON) is None  # type: ignore[arg-type]
    assert Act.objects.count() == 2


@pytest.mark.django_db
def test_results_protect_no_more_than_the_share_allowed() -> None:
    put_in_force(pool={"protected_percent": 20})
    agent = make_agent()
    customers = [make_customer(owner=agent) for _ in range(10)]
    for customer in customers[:4]:
        make_act(customer=customer, by=agent, at=NOON, strength=Strength.STRONG)
    make_act(customer=customers[4], by=agent, at=NOON, strength=Strength.ORDER, is_deal=True)

    protected = Standing.objects.filter(protected_until__gt=NOON).values_list("customer", flat=True)

    assert set(protected) == {customers[0].pk, customers[1].pk, customers[4].pk}


# -- losing ----------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_customer_nobody_works_is_warned_of_announced_and_goes() -> None:
    put_in_force(clocks={"first_days": 5})
    agent = make_agent()
    customer = make_customer(owner=agent)
    other = make_customer(owner=make_agent())
    make_act(customer=other, by=other.owner, at=NOON)  # type: ignore[arg-type]

    return_due(at=night(3))
    [lost] = losing_of(agent, at=night(3))
    assert (lost.customer, lost.left, lost.clock) == (customer, 3, Clock.FIRST)
    assert warned(agent, at=night(3)).by_days == {1: 0, 3: 1, 7: 1}
    return_due(at=night(5))
    assert not Return.objects.exists()  # the last day is still to come
    return_due(at=night(6))
    [returning] = Return.objects.all()
    assert (returning.state, returning.clock) == (ReturnState.ANNOUNCED, Clock.FIRST)
    assert not Losing.objects.exists()
    customer.refresh_from_db()
    assert customer.owner == agent
    [row] = losses_by_owner(user=make_user(role=Role.MANAGER), at=night(6))
    assert (row.owner, row.leaving, row.soon) == (agent, 1, 0)
    return_due(at=night(7))

    customer.refresh_from_db()
    returning.refresh_from_db()
    assert customer.owner is None
    assert returning.state == ReturnState.RETURNED
    event = OwnershipEvent.objects.filter(customer=customer).latest("id")
    assert (event.change, event.rule, event.rule_version) == ("returned", "first", 1)
    other.refresh_from_db()
    assert other.owner is not None


@pytest.mark.django_db
def test_work_in_the_last_hours_keeps_it_and_so_does_the_leader() -> None:
    put_in_force(clocks={"first_days": 1})
    agent = make_agent()
    worked, reverted, gone = (make_customer(owner=agent) for _ in range(3))
    return_due(at=night(2))
    assert Return.objects.open().count() == 3
    leader = make_user(role=Role.LEADER, team=agent.team)

    make_act(customer=worked, by=agent, at=night(2) + HOUR)
    returning = Return.objects.get(customer=reverted)
    with pytest.raises(CannotRevert, match="why"):
        revert_return(returning=returning, reason=" ", by=leader, at=night(2) + HOUR)
    revert_return(returning=returning, reason="on a course", by=leader, at=night(2) + HOUR)
    return_due(at=night(3))

    assert set(Customer.objects.filter(owner=agent)) == {worked, reverted}
    assert Return.objects.get(customer=worked).state == ReturnState.KEPT
    with pytest.raises(CannotRevert):
        revert_return(
            returning=Return.objects.get(customer=gone), reason="x", by=leader, at=night(3)
        )
    keeping = keeping_of(Customer.objects.get(pk=reverted.pk), at=night(3))
    assert keeping is not None
    assert keeping.due is not None
    assert keeping.protected_until == night(2) + HOUR + 7 * DAY


@pytest.mark.django_db
def test_holidays_leave_and_outages_do_not_count() -> None:
    put_in_force(clocks={"first_days": 3})
    by = make_user(role=Role.MANAGER)
    here, away = make_agent(), make_agent()
    mine, theirs = make_customer(owner=here), make_customer(owner=away)

    def last_on(customer: Customer) -> int:
        keeping = keeping_of(customer, at=NOON)
        assert keeping is not None
        assert keeping.due is not None
        return (keeping.due.last_on - NOON.date()).days

    assert (last_on(mine), last_on(theirs)) == (3, 3)
    set_calendar_day(region="CN", on=(NOON + DAY).date(), kind=DayKind.HOLIDAY, by=by, at=NOON)
    assert (last_on(mine), last_on(theirs)) == (4, 4)
    add_pause(
        kind=PauseKind.LEAVE, agent=away, starts_at=NOON, ends_at=NOON + 10 * DAY, by=by, at=NOON
    )
    assert (last_on(mine), last_on(theirs)) == (4, 13)
    outage = NOON + 2 * DAY
    add_pause(
        kind=PauseKind.OUTAGE, agent=None, starts_at=outage, ends_at=outage + HOUR, by=by, at=NOON
    )
    assert (last_on(mine), last_on(theirs)) == (5, 13)
    for days in range(1, 17):
        return_due(at=night(days))
        open_now = {r.customer for r in Return.objects.all()}
        assert (mine in open_now, theirs in open_now) == (days >= 6, days >= 14)


@pytest.mark.django_db
def test_a_customers_own_pause_stops_its_clocks(monkeypatch: pytest.MonkeyPatch) -> None:
    put_in_force(clocks={"first_days": 2})
    agent = make_agent()
    paused, other = make_customer(owner=agent), make_customer(owner=agent)
    sql = (
        f"SELECT {paused.pk} AS customer_id, '2026-01-01'::timestamptz AS starts_at,"
        " NULL::timestamptz AS ends_at"
    )
    monkeypatch.setattr(declarations, "_pauses", [sql])
    return_due(at=night(9))
    assert [r.customer for r in Return.objects.all()] == [other]


@pytest.mark.django_db
def test_who_is_spared_stays_and_the_record_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    put_in_force(clocks={"first_days": 1})
    agent = make_agent()
    spared, other = make_customer(owner=agent), make_customer(owner=agent)
    reason = declarations.Exemption(
        "order", "an order is open", f"SELECT {spared.pk} AS customer_id"
    )
    monkeypatch.setattr(declarations, "_exemptions", {"order": reason})
    return_due(at=night(5))
    assert [r.customer for r in Return.objects.all()] == [other]
    keeping = keeping_of(spared, at=night(5))
    assert keeping is not None
    assert keeping.exempt == "an order is open"


@pytest.mark.django_db
def test_what_a_leaver_owned_is_announced_for_longer_and_goes() -> None:
    put_in_force()
    agent, manager = make_agent(), make_user(role=Role.ADMINISTRATOR)
    customer = make_customer(owner=agent)
    User.objects.filter(pk=agent.pk).update(is_active=False)

    return_due(at=night(1))
    [returning] = Return.objects.all()
    assert (returning.clock, returning.until_at) == (Clock.GONE, night(1) + 72 * HOUR)
    with pytest.raises(CannotRevert):
        revert_return(returning=returning, reason="x", by=manager, at=night(1))
    return_due(at=night(3))
    customer.refresh_from_db()
    assert customer.owner == agent
    return_due(at=night(4))
    customer.refresh_from_db()
    assert customer.owner is None


@pytest.mark.django_db
def test_handed_over_meanwhile_is_not_taken_from_the_new_owner() -> None:
    put_in_force(clocks={"first_days": 1})
    first, second = make_agent(), make_agent()
    customer = make_customer(owner=first)
    return_due(at=night(2))
    assign_customer(
        customer=customer, to=second, change=OwnerChange.TRANSFERRED,
        by=make_user(role=Role.MANAGER), at=night(2),
    )  # fmt: skip
    return_due(at=night(3))
    customer.refresh_from_db()
    assert customer.owner == second
    assert Return.objects.get().state == ReturnState.KEPT
    assert not losing_of(first, at=night(3))


@pytest.mark.django_db
def test_switching_the_rules_off_and_on_restarts_nothing() -> None:
    put_in_force(clocks={"first_days": 5})
    customer = make_customer(owner=make_agent())
    put_in_force(at=night(2), is_on=False)
    return_due(at=night(5))
    assert not Losing.objects.exists()
    put_in_force(at=night(5) + HOUR, clocks={"first_days": 5})
    keeping = keeping_of(customer, at=night(5) + HOUR)
    assert keeping is not None
    assert keeping.due is not None
    assert (keeping.due.start_at, keeping.left) == (NOON, 1)


@pytest.mark.django_db
def test_each_time_is_judged_by_the_rules_of_its_time() -> None:
    strict = put_in_force(at=NOON, clocks={"first_days": 1})
    later = set_rules(
        book=BOOK, body=make_body(clocks={"first_days": 30}), note="milder",
        from_at=NOON + 10 * DAY, by=make_user(role=Role.MANAGER), at=NOON + HOUR,
    )  # fmt: skip
    assert rules_at(NOON - HOUR).version == 0
    assert rules_at(NOON + 9 * DAY).version == strict.version
    assert rules_at(NOON + 10 * DAY).version == later.version

    customer = make_customer(owner=make_agent())
    return_due(at=night(10))  # announced by the strict ones
    [returning] = Return.objects.all()
    finish_returns(at=returning.until_at)  # carried out when the milder ones are in force
    customer.refresh_from_db()
    assert (customer.owner, returning.rule_version) == (None, strict.version)


@pytest.mark.django_db
def test_rules_need_a_reason_and_never_begin_in_the_past() -> None:
    by = make_user(role=Role.MANAGER)
    for more in (
        {"note": " "}, {"from_at": NOON - HOUR}, {"body": make_body(talk_seconds=-1)}
    ):  # fmt: skip
        given: Any = {"body": make_body(), "note": "why", **more}
        with pytest.raises(CannotSetRules):
            set_rules(book=BOOK, **given, by=by, at=NOON)
    version = put_in_force()
    with pytest.raises(ProgrammingError), transaction.atomic():
        RuleVersion.objects.filter(pk=version.pk).update(from_at=NOON - HOUR)


# -- merging ---------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize("same_owner", [True, False])
def test_work_follows_a_merge_if_one_person_owns_both(same_owner: bool) -> None:
    agent = make_agent()
    kept = make_customer(owner=agent)
    duplicate = make_customer(owner=agent if same_owner else make_agent())
    assert duplicate.owner is not None
    make_act(customer=duplicate, by=duplicate.owner, at=NOON + HOUR, is_deal=True)

    merge_customers(duplicate=duplicate, into=kept, by=system_user(), at=NOON + 2 * HOUR)

    standing = Standing.objects.get(customer=kept)
    assert standing.dealt_at == NOON + HOUR
    assert standing.effective_at == (NOON + HOUR if same_owner else None)
    assert Act.objects.get().customer == kept
