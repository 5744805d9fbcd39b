"""Random histories: whatever people, rules and nights do, what must always hold holds."""

import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from itertools import count
from typing import Any
from unittest.mock import patch

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from furrow.customers.actions import (
    allocate_customers,
    assign_customer,
    create_customer,
    merge_customers,
)
from furrow.customers.models import Customer, OwnershipEvent
from furrow.customers.rules import CannotAssign, CannotMerge, OwnerChange
from furrow.customers.tests.make import make_customer, make_e164
from furrow.organisation.actions import system_user
from furrow.organisation.models import User
from furrow.organisation.rules import Role
from furrow.organisation.tests.make import NOON, make_agent, make_team, make_user
from furrow.ownership import actions
from furrow.ownership.actions import add_pause, claim_customers, return_due
from furrow.ownership.models import Losing, Return, Standing
from furrow.ownership.queries import (
    MaybeDue,
    calendars,
    claim_facts,
    gone_owners,
    judge,
    keeping_of,
    rules_at,
)
from furrow.ownership.rules import DAY, Clock, PauseKind, Strength
from furrow.rulebooks.models import Run

from .make import make_act, put_in_force

PER_DAY, UNWORKED, HELD = 3, 4, 6

steps = st.lists(
    st.tuples(
        st.sampled_from([
            "register", "claim", "claim", "assign", "allocate", "release", "night", "night", "act",
            "act", "merge", "leave", "leaver", "rules", "killed",
        ]),
        st.integers(0, 5), st.integers(0, 11),
    ),
    min_size=5, max_size=40,
)  # fmt: skip


class House:
    """Three agents, a leader, some customers, and a clock."""

    def __init__(self) -> None:
        self.at = NOON
        put_in_force(
            clocks={"first_days": 2, "next_days": 4, "deal_days": 20},
            pool={"claims_per_day": PER_DAY, "most_unworked": UNWORKED,
                  "most_held": {"agent": HELD, "leader": HELD}},
            cool_down_days={"released": 1, "returned": 2},
        )  # fmt: skip
        team = make_team()
        self.agents = [make_agent(team=team) for _ in range(3)]
        self.leader = make_user(role=Role.LEADER, team=team)
        self.customers = [make_customer(team=team).pk for _ in range(8)]
        self.last: dict[tuple[Any, ...], Any] = {}

    def do(self, what: str, who: int, whom: int) -> None:
        self.at += timedelta(hours=3)
        agent = self.agents[who % 3]
        customer = Customer.objects.get(pk=self.customers[whom % len(self.customers)])
        by = self.leader
        try:
            with transaction.atomic():
                match what:
                    case "register":
                        new = create_customer(
                            name="new", numbers=[make_e164()], owner=agent, by=agent, at=self.at
                        )
                        self.customers.append(new.pk)
                    case "claim":
                        answers = claim_customers(
                            customers=self.customers[whom % 8 :][: 1 + who], by=agent, at=self.at
                        )
                        if any(answer.why is None for answer in answers):
                            facts, _wanted = claim_facts(
                                agent, (), rules=rules_at(self.at), at=self.at
                            )
                            assert facts.held <= HELD
                            assert facts.unworked <= UNWORKED
                            assert facts.claimed_today <= PER_DAY
                    case "assign":
                        assign_customer(
                            customer=customer, to=agent, change=OwnerChange.TRANSFERRED, by=by,
                            at=self.at,
                        )  # fmt: skip
                    case "allocate":
                        allocate_customers(
                            customers=self.customers[: 1 + whom], agents=[agent], by=by, at=self.at
                        )
                    case "release":
                        assign_customer(
                            customer=customer, to=None, change=OwnerChange.RELEASED, by=by,
                            at=self.at,
                        )  # fmt: skip
                    case "act":
                        talk, deal = (who * 20, whom % 5 == 0)
                        make_act(
                            customer=customer, by=agent, at=self.at, talk_seconds=talk,
                            strength=Strength.MEDIUM, is_deal=deal,
                        )  # fmt: skip
                    case "merge":
                        into = Customer.objects.get(pk=self.customers[who])
                        merge_customers(duplicate=customer, into=into, by=by, at=self.at)
                    case "leave":
                        add_pause(
                            kind=PauseKind.LEAVE, agent=agent, starts_at=self.at,
                            ends_at=self.at + (1 + whom) * DAY, by=by, at=self.at,
                        )  # fmt: skip
                    case "leaver":
                        User.objects.filter(pk=self.agents[2].pk).update(is_active=False)
                        self.agents[2] = make_agent(team=agent.team)
                    case "rules":
                        put_in_force(
                            at=self.at, is_on=whom % 2 == 0,
                            clocks={"first_days": 1 + who, "next_days": 4, "deal_days": 20},
                            pool={"claims_per_day": PER_DAY, "most_unworked": UNWORKED,
                                  "most_held": {"agent": HELD, "leader": HELD}},
                        )  # fmt: skip
                    case "night":
                        self.at += DAY
                        return_due(at=self.at)
                    case "killed":
                        self.at += DAY
                        self.die_in_the_night()
                        if who % 2:  # begun anew by the next process, the same night
                            return_due(at=self.at + timedelta(hours=1))
        except (CannotAssign, CannotMerge):
            pass

    def die_in_the_night(self) -> None:
        """The run looks at a stretch of customers, and dies in the next one."""
        look, places = actions._look_at, count(1)

        def dies(**given: Any) -> int:
            found = look(**given)
            if next(places) == 2:
                raise KeyboardInterrupt
            return found

        with (
            patch.object(actions, "CHUNK", max(self.customers) // 3 + 1),
            patch.object(actions, "_look_at", dies),
            suppress(KeyboardInterrupt),
        ):
            return_due(at=self.at)

    def days(self) -> dict[tuple[Any, ...], Any]:
        """By when each customer has to be worked, by one ownership and version of the rules."""
        owned = Customer.objects.exclude(owner=None).order_by("pk")
        rows = []
        for one in owned:
            kept = Standing.objects.filter(customer=one).first() or Standing()
            assert one.owner_id is not None
            assert one.owned_since is not None
            rows.append(
                MaybeDue(
                    one.pk, one.owner_id, one.owned_since, one.team_id, kept.effective_at,
                    kept.dealt_at, kept.protected_until,
                )
            )  # fmt: skip
        rules = rules_at(self.at)
        judged = judge(rows, rules=rules, cal=calendars(at=self.at), gone=gone_owners(), at=self.at)
        return {
            (row.customer_id, row.owner_id, row.owned_since, rules.version): due.last_on
            for row, due in judged
            if due.clock is not Clock.GONE
        }

    def check(self) -> None:
        """The ledger is the present; quotas hold; no clock ran backwards."""
        now: dict[int, int | None] = {}
        claims: Counter[tuple[int, Any]] = Counter()
        for event in OwnershipEvent.objects.order_by("id"):
            assert now.get(event.customer_id) == event.from_owner_id
            now[event.customer_id] = event.to_owner_id
            if event.change == OwnerChange.CLAIMED:
                assert event.to_owner_id is not None
                claims[event.to_owner_id, (event.at + timedelta(hours=8)).date()] += 1
        for customer in Customer.objects.all():
            assert customer.owner_id == now.get(customer.pk)
            assert (customer.owner_id is None) == (customer.owned_since is None)
            assert customer.merged_into_id is None or customer.owner_id is None
        assert all(n <= PER_DAY for n in claims.values())
        for standing in Standing.objects.all():
            for name in ("effective_at", "dealt_at", "protected_until"):
                key = (standing.customer_id, 0, name)
                value, before = getattr(standing, name), self.last.get(key)
                assert before is None or value >= before
                self.last[key] = value
        for key, last_on in self.days().items():
            assert key not in self.last or last_on >= self.last[key]
            self.last[key] = last_on
        for returning in Return.objects.exclude(state="announced"):
            assert returning.decided_at is not None


@pytest.mark.django_db(transaction=True)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(history=steps)
def test_any_history_keeps_what_must_hold(history: list[tuple[str, int, int]]) -> None:
    with transaction.atomic():
        system_user()
        house = House()
        for what, who, whom in history:
            house.do(what, who, whom)
            house.check()
        transaction.set_rollback(True)


@pytest.mark.django_db
def test_the_night_and_the_record_say_the_same() -> None:
    put_in_force(clocks={"first_days": 3, "next_days": 5, "deal_days": 9})
    agents = [make_agent() for _ in range(3)]
    customers = [make_customer(owner=agents[n % 3]) for n in range(12)]
    add_pause(
        kind=PauseKind.LEAVE, agent=agents[1], starts_at=NOON, ends_at=NOON + 3 * DAY,
        by=agents[0], at=NOON,
    )  # fmt: skip
    for n, customer in enumerate(customers):
        for later in range(n % 4):
            owner = customer.owner
            assert owner is not None
            make_act(customer=customer, by=owner, at=NOON + later * 2 * DAY)
    for days in range(1, 14):
        at = NOON + days * DAY
        told = {}
        for customer in customers:
            keeping = keeping_of(customer, at=at)
            assert keeping is not None
            assert keeping.due is not None
            told[customer.pk] = keeping
        return_due(at=at)
        today = (at + timedelta(hours=8)).date()
        over = {pk for pk, k in told.items() if k.due is not None and k.due.last_on < today}
        Return.objects.filter(state="announced").update(until_at=NOON + 99 * DAY)
        assert set(Return.objects.values_list("customer", flat=True)) == over
        week = today + 7 * DAY
        soon = {pk for pk, k in told.items() if k.due and today <= k.due.last_on < week}
        assert set(Losing.objects.values_list("customer", flat=True)) == soon


def _finish(act: Callable[[], Any]) -> None:
    try:
        act()
    except BaseException:  # noqa: S110
        pass
    finally:
        connection.close()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("part", ["announcing", "returning"])
def test_a_run_whose_database_dies_goes_on_where_it_was(
    part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_in_force(clocks={"first_days": 1})
    agent = make_agent()
    customers = [make_customer(owner=agent).pk for _ in range(12)]
    first, second = NOON + 2 * DAY, NOON + 3 * DAY
    monkeypatch.setattr(actions, "CHUNK", (max(customers) + 3) // 4)
    monkeypatch.setattr(actions, "_FINISHED_AT_ONCE", 5)
    at = first
    if part == "returning":
        return_due(at=first)
        at = second
    reached = threading.Event()
    seen = 0
    name = "_look_at" if part == "announcing" else "move_owners"
    real = getattr(actions, name)

    def dies(**given: Any) -> Any:
        nonlocal seen
        seen += 1
        found = real(**given)
        if seen == 2:  # the second chunk has written, and has not committed
            reached.set()
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        return found

    monkeypatch.setattr(actions, name, dies)
    runner = threading.Thread(target=_finish, args=(lambda: return_due(at=at),))
    runner.start()
    runner.join(60)
    assert reached.is_set()
    monkeypatch.setattr(actions, name, real)

    moved = OwnershipEvent.objects.filter(change="returned").count()
    assert Customer.objects.filter(owner=None).count() == moved
    assert Return.objects.filter(state="returned").count() == moved
    if part == "announcing":
        run = Run.objects.get()
        assert 0 < run.done_to < max(customers)
        assert Return.objects.filter(customer__gt=run.done_to).count() == 0
    else:
        assert moved == 5

    assert return_due(at=at) is not None
    assert return_due(at=at) is not None  # once more changes nothing

    if part == "announcing":
        assert Return.objects.open().count() == 12
        assert Run.objects.get().found == {"announced": 12}
    else:
        assert Customer.objects.filter(owner=None).count() == 12
        assert OwnershipEvent.objects.filter(change="returned").count() == 12
