"""Makes the demo company. Seeded: the same seed and the same moment make the same company.

History is written in bulk, straight into the tables: the everyday actions ask the clock, the gate
and the line, and none of these can be asked about last month. Every constraint still holds.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pgtrigger
from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.db import connection, transaction
from django.db.models import Field, Model
from django.db.models.expressions import DatabaseDefault

from furrow.acquisition.models import Lead, Source
from furrow.acquisition.rules import LegalBasis, SourceKind
from furrow.audit.actions import record
from furrow.calls.actions import tell_past_calls
from furrow.calls.models import Call
from furrow.calls.rules import CallState, Outcome
from furrow.campaigns.actions import (
    CampaignDraft,
    Dialing,
    change_state,
    create_campaign,
    save_script,
    seed_dispositions,
    set_dialing,
)
from furrow.campaigns.models import Campaign, Disposition, DispositionSet, ScriptVersion, Target
from furrow.campaigns.rules import CampaignState, DialMode, Effect, TargetState
from furrow.compliance.actions import seed_compliance, set_policy
from furrow.compliance.models import Suppression
from furrow.compliance.rules import DEFAULT_POLICIES, SuppressionKind
from furrow.customers.actions import bulk_create_customers
from furrow.customers.models import Customer, Note, OwnershipEvent
from furrow.customers.rules import CustomerDraft, Kind, OwnerChange
from furrow.followups.models import FollowUp
from furrow.followups.rules import Reason
from furrow.inbound.actions import HotlineDraft, save_hotline
from furrow.organisation.actions import create_team, create_user, system_user
from furrow.organisation.models import Team, User
from furrow.organisation.rules import Role
from furrow.ownership.actions import return_due
from furrow.ownership.queries import BOOK
from furrow.ownership.rules import DEFAULT_BODY
from furrow.permits.models import Permit
from furrow.pipeline.models import ScoreGiven, StageMove, Standing
from furrow.pipeline.rules import Score, Stage
from furrow.rulebooks.actions import set_rules

from . import PASSWORD, words
from .shop import make_shop
from .together import make_together

ZONE = ZoneInfo("Asia/Shanghai")
DAYS = 42
CHUNK = 2000
ANSWERS = [
    {"check": name, "rule": rule, "ok": True}
    for name, rule in (
        ("suppression", "C4"),
        ("hours", "D4"),
        ("campaign", "D4"),
        ("caps", "D4"),
        ("silence", "E1"),
        ("agent", "I3"),
        ("ownership", "B3"),
        ("line", "D4"),
    )
]


@dataclass(frozen=True)
class Size:
    """How large the company is."""

    customers: int = 20_000
    agents: int = 30
    calls_per_agent_day: int = 55


@dataclass
class Person:
    """What the history knows of one customer while it is being made."""

    customer: Customer
    number_id: int
    e164: str
    answer: float
    interest: float
    is_bad_list: bool
    agent: User | None
    source: Source | None = None
    attempts: int = 0
    cp: int | None = None
    stage: Stage = Stage.SCREENING
    stage_since: datetime | None = None
    last_touch: datetime | None = None
    is_out: bool = False
    next_due: tuple[datetime, Reason, str] | None = None


@dataclass
class Company:
    rng: random.Random
    by: User
    teams: list[Team] = field(default_factory=list)
    agents: list[User] = field(default_factory=list)
    sources: list[Source] = field(default_factory=list)
    campaigns: dict[int, Campaign] = field(default_factory=dict)  # by team id
    people: list[Person] = field(default_factory=list)


def make_demo_company(*, at: datetime, seed: int = 2026, size: Size | None = None) -> Company:
    """People, customers, campaigns and six weeks of calls, up to `at`. About 60 s at full size.

    One transaction per step, so a half-made company is never left behind: the caller checks for
    an empty database first, and everything is made in one outer transaction.
    """
    size = size or Size()
    with transaction.atomic():
        company = Company(random.Random(seed), by=system_user())
        _people(company, at=at, size=size)
        _rules(company, at=at)
        _campaigns(company, at=at)
        _hotline(company, at=at)
        _customers(company, at=at, size=size)
        # Invented history needs no history of its own: half the time saved.
        with pgtrigger.ignore():
            _history(company, at=at, size=size)
            _present(company, at=at)
        _ownership(company, at=at)
        make_together(by=company.by, at=at)
        make_shop(by=company.by, at=at)
        _analyse()
        record("demo.made", of=company.by, by=company.by.username, at=at, seed=seed)
    return company


def _people(company: Company, *, at: datetime, size: Size) -> None:
    start = at - timedelta(days=DAYS + 30)
    by = company.by
    hashed = make_password(PASSWORD)  # one for all: hashing is slow on purpose
    for number, name in enumerate(words.TEAMS, start=1):
        team = create_team(name=name, by=by, at=start)
        company.teams.append(team)
        create_user(
            username=f"leader{number}",
            display_name=words.LEADERS[number - 1],
            role=Role.LEADER,
            team=team,
            password=None,
            by=by,
            at=start,
        )
    for number in range(size.agents):
        company.agents.append(
            create_user(
                username=f"agent{number + 1}",
                display_name=words.AGENTS[number % len(words.AGENTS)],
                role=Role.AGENT,
                team=company.teams[number % len(company.teams)],
                password=None,
                by=by,
                at=start,
            )
        )
    for username, role, name in words.OFFICE:
        create_user(
            username=username,
            display_name=name,
            role=Role(role),
            team=None,
            password=None,
            by=by,
            at=start,
        )
    User.objects.exclude(pk=by.pk).update(password=hashed)


def _rules(company: Company, *, at: datetime) -> None:
    """The legal defaults, and one exception a visitor needs: the demo may call at any hour."""
    seed_compliance(by=company.by, at=at - timedelta(days=DAYS + 30))
    body = {
        **DEFAULT_POLICIES["CN"],
        "windows": [{"weekdays": list(range(7)), "from": "00:00", "to": "24:00"}],
        "on_holidays": True,
        "number_caps": [{"most": 20, "minutes": 1440}],
        "customer_caps": [{"most": 20, "minutes": 1440}],
        "sources": {},
        "source": "Demo company: the numbers do not exist and the line is simulated, "
        "so calls are allowed at any hour. A real company keeps the version before this one.",
    }
    set_policy(
        region="CN",
        body=body,
        note="演示：号码为虚构、线路为模拟，任何时间可拨打",
        by=company.by,
        at=at - timedelta(days=1),
    )


def _hotline(company: Company, *, at: datetime) -> None:
    """The number we call from can be called: the second team answers, the first calls back."""
    save_hotline(
        hotline=None,
        draft=HotlineDraft(
            e164=settings.CALLER_ID,
            name=words.HOTLINE,
            team=company.teams[min(1, len(company.teams) - 1)],
            callback_team=company.teams[0],
            opens_minute=0,
            closes_minute=1440,
            weekdays=range(7),
            announcement=words.ANNOUNCEMENT,
            promise=words.PROMISE,
        ),
        by=company.by,
        at=at - timedelta(days=DAYS),
    )


def _ownership(company: Company, *, at: datetime) -> None:
    """Long lists need long periods: about one customer in twenty is on the way to the pool."""
    body: dict[str, Any] = deepcopy(dict(DEFAULT_BODY)) | {"is_on": True}
    body["pools"][0] |= {
        "most_unworked": 400,
        "clocks": [{"when": {}, "first_days": 60, "next_days": 35, "deal_days": None}],
    }
    begin = at - timedelta(days=DAYS)
    set_rules(book=BOOK, body=body, note="演示：名单长，期限放宽", by=company.by, at=begin)
    tell_past_calls(talk_seconds=30)
    return_due(at=at)


def _name(rng: random.Random) -> str:
    given = rng.choice(words.GIVEN_FIRST)
    if rng.random() < 0.72:
        given += rng.choice(words.GIVEN_SECOND)
    return rng.choice(words.SURNAMES) + given


def _drafts(rng: random.Random, count: int) -> Iterator[CustomerDraft]:
    """`count` invented customers. Numbers: +86 154 was never allocated to anybody."""
    cities, weights = zip(*words.CITIES, strict=True)
    for tail in rng.sample(range(10_000_000, 100_000_000), count):
        city = rng.choices(cities, weights)[0]
        number = (f"+86154{tail}",)
        if rng.random() < 0.12:
            firm = f"{city}{rng.choice(words.FIRM_MIDDLE)}{rng.choice(words.FIRM_TRADE)}"
            yield CustomerDraft(
                kind=Kind.ORGANISATION,
                name=firm + rng.choice(words.FIRM_SUFFIX),
                numbers=number,
                city=city,
                address=f"{rng.choice(words.STREETS)}{rng.randint(1, 399)}号",
                category=rng.choice(words.FIRM_TRADE),
            )
            continue
        profile = {"sex": rng.choice(("f", "m"))}
        if rng.random() < 0.4:
            profile["occupation"] = rng.choice(words.OCCUPATIONS)
        if rng.random() < 0.3:
            born = date(1965, 1, 1) + timedelta(days=rng.randrange(13_000))
            profile["birthday"] = born.isoformat()
        yield CustomerDraft(
            kind=Kind.PERSON, name=_name(rng), numbers=number, city=city, profile=profile
        )


def _customers(company: Company, *, at: datetime, size: Size) -> None:
    rng, begin = company.rng, at - timedelta(days=DAYS + 14)
    for name, kind, basis, purpose, *_rest in words.SOURCES:
        company.sources.append(
            Source.objects.create(
                name=name,
                kind=SourceKind(kind),
                legal_basis=LegalBasis(basis),
                purpose=purpose,
                created_at=begin,
            )
        )
    drafts = list(_drafts(rng, size.customers))
    made: list[Customer] = []
    for start in range(0, len(drafts), CHUNK):
        team = None
        made += bulk_create_customers(
            drafts=drafts[start : start + CHUNK], team=team, by=company.by, at=begin
        )
    _analyse()
    numbers = dict(
        Customer.objects.filter(numbers__is_primary=True).values_list("pk", "numbers__pk")
    )
    shares = [share for *_head, share, _answer, _interest in words.SOURCES]
    picks = rng.choices(range(len(words.SOURCES)), shares, k=len(made))
    leads, events, scope = [], [], []
    for index, (customer, draft, pick) in enumerate(zip(made, drafts, picks, strict=True)):
        *_head, answer, interest = words.SOURCES[pick]
        is_bad = words.SOURCES[pick][0] == words.BAD_SOURCE
        # A bad list that arrived late: its customers come last.
        came = begin + timedelta(days=(DAYS - 8 if is_bad else rng.uniform(0, 12)))
        agent = company.agents[index % len(company.agents)] if rng.random() < 0.7 else None
        customer.team = agent.team if agent else company.teams[index % len(company.teams)]
        customer.owner = agent
        customer.owned_since = came + timedelta(hours=2) if agent else None
        customer.created_at = came
        leads.append(
            Lead(
                customer=customer,
                source=company.sources[pick],
                at=came,
                given={"name": draft.name, "city": draft.city},
            )
        )
        scope.append(StageMove(customer=customer, to_stage=Stage.SCREENING, by=company.by, at=came))
        if agent:
            events.append(
                OwnershipEvent(
                    customer=customer,
                    to_owner=agent,
                    change=OwnerChange.ALLOCATED,
                    by=company.by,
                    at=came + timedelta(hours=2),
                )
            )
        company.people.append(
            Person(
                customer,
                numbers[customer.pk],
                draft.numbers[0],
                answer,
                interest,
                is_bad,
                agent,
                company.sources[pick],
                stage_since=came,
            )
        )
    _set_many(
        "UPDATE customers_customer AS c SET team_id = v.team, owner_id = v.owner,"
        " owned_since = v.since, created_at = v.made FROM unnest("
        "%s::bigint[], %s::bigint[], %s::bigint[], %s::timestamptz[], %s::timestamptz[])"
        " AS v (id, team, owner, since, made) WHERE c.id = v.id",
        [(c.pk, c.team_id, c.owner_id, c.owned_since, c.created_at) for c in made],
    )
    for rows in (leads, events, scope):
        _copy(rows)


def _copy(rows: Sequence[Model]) -> None:
    """Append rows with COPY, ids included: five times as fast as bulk_create."""
    if not rows:
        return
    table = rows[0]._meta.db_table
    fields = rows[0]._meta.concrete_fields
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)",
            [table, len(rows)],
        )
        for row, (pk,) in zip(rows, cursor.fetchall(), strict=True):
            row.pk = pk
        names = ", ".join(f'"{field.column}"' for field in fields)
        with cursor.copy(f'COPY "{table}" ({names}) FROM STDIN') as copy:
            for row in rows:
                copy.write_row(
                    [field.get_db_prep_save(_value(row, field), connection) for field in fields]
                )


def _value(row: Model, field: Field[Any, Any]) -> Any:
    """What a row holds; where it leaves that to the database, what the database would put there."""
    value = getattr(row, field.attname)
    return field.db_default if isinstance(value, DatabaseDefault) else value


def _set_many(statement: str, rows: Sequence[tuple[object, ...]]) -> None:
    """One UPDATE for all rows, each column an array; bulk_update takes a minute for these."""
    with connection.cursor() as cursor:
        cursor.execute(statement, [list(column) for column in zip(*rows, strict=True)])


def _analyse() -> None:
    """Tell the planner what was loaded: autovacuum cannot look into an open transaction, and
    takes minutes where this takes a moment."""
    with connection.cursor() as cursor:
        cursor.execute(
            "ANALYZE customers_customer, customers_number, acquisition_lead, permits_permit, calls_call"
        )


def _campaigns(company: Company, *, at: datetime) -> None:
    start = at - timedelta(days=DAYS + 10)
    dispositions = seed_dispositions(name="标准结果", by=company.by, at=start)
    scripts = {
        name: save_script(name=name, body=body, by=company.by, at=start)
        for name, body in words.SCRIPTS.items()
    }
    plan: tuple[tuple[str, Stage, ScriptVersion], ...] = (
        ("秋季名单清洗 A", Stage.SCREENING, scripts["清洗话术"]),
        ("秋季名单清洗 B", Stage.SCREENING, scripts["清洗话术"]),
        ("诊断课拉新", Stage.ACQUISITION, scripts["拉新话术"]),
        ("学员续报关怀", Stage.RETENTION, scripts["留存话术"]),
    )
    for team, (name, stage, script) in zip(company.teams, plan, strict=True):
        company.campaigns[team.pk] = _campaign(
            company, team, name, stage, script, dispositions, start
        )


def _campaign(
    company: Company,
    team: Team,
    name: str,
    stage: Stage,
    script: ScriptVersion,
    dispositions: DispositionSet,
    at: datetime,
) -> Campaign:
    draft = CampaignDraft(
        name=name,
        stage=stage,
        product="诊断课" if stage is not Stage.RETENTION else "续报",
        script_version=script,
        disposition_set=dispositions,
        agents=[a for a in company.agents if a.team_id == team.pk],
        team=team,
        opens_minute=0,
        closes_minute=24 * 60,
        audience=f"team={team.pk}",
        target_attempts_per_agent_day=60,
        target_conversions=200,
    )
    return create_campaign(draft=draft, by=company.by, at=at)


# When people answer: hour -> factor on the source's answer rate.
ANSWER_BY_HOUR = {
    9: 0.72,
    10: 1.05,
    11: 1.08,
    13: 0.75,
    14: 0.9,
    15: 0.98,
    16: 1.05,
    17: 1.12,
    18: 1.3,
    19: 1.36,
}
HOURS = tuple(ANSWER_BY_HOUR)
LOAD_BY_HOUR = (8, 11, 11, 5, 10, 11, 11, 10, 7, 5)


def _history(company: Company, *, at: datetime, size: Size) -> None:
    rng = company.rng
    by_key = {d.effect: d for d in Disposition.objects.order_by("-key")}
    interested = Disposition.objects.get(set__name="标准结果", key=1)
    mine: dict[int, list[Person]] = defaultdict(list)
    for person in company.people:
        if person.agent:
            mine[person.agent.pk].append(person)
    # Good and less good agents, and one who is new and finds it hard.
    skill = {agent.pk: rng.uniform(0.75, 1.3) for agent in company.agents}
    skill[company.agents[-1].pk] = 0.4
    story = _Story(company, by_key, interested)
    today = at.astimezone(ZONE).date()
    for ago in range(DAYS, -1, -1):
        day = today - timedelta(days=ago)
        if day.weekday() == 6:
            continue
        for agent in company.agents:
            if rng.random() < 0.04:  # away that day
                continue
            pace = size.calls_per_agent_day * rng.uniform(0.7, 1.25)
            if day.weekday() == 5:
                pace *= 0.5
            story.day_of(agent, mine[agent.pk], day, int(pace), skill[agent.pk], at)
        story.flush()
        if ago % 7 == DAYS % 7:  # the checks of foreign keys were planned for empty tables
            _analyse()
    story.finish(at)


class _Story:
    """Writes calls and what follows from them, day by day."""

    def __init__(
        self, company: Company, by_effect: dict[str, Disposition], interested: Disposition
    ) -> None:
        self.company = company
        self.rng = company.rng
        self.by_effect = by_effect
        self.interested = interested
        self.turn: dict[int, int] = defaultdict(int)
        self.permits: list[Permit] = []
        self.calls: list[Call] = []
        self.followups: list[FollowUp] = []
        self.scores: list[ScoreGiven] = []
        self.moves: list[StageMove] = []
        self.suppressions: list[Suppression] = []
        self.notes: list[Note] = []

    def day_of(
        self,
        agent: User,
        people: list[Person],
        day: date,
        calls: int,
        skill: float,
        until: datetime,
    ) -> None:
        """One agent's day: at most `calls` calls, none after `until`."""
        if not people:
            return
        # Calls come one after another, by the hour's load, at least 40 seconds apart.
        minutes = sorted(
            hour * 60 + self.rng.uniform(0, 59)
            for hour in self.rng.choices(HOURS, LOAD_BY_HOUR, k=calls)
        )
        free_at = datetime.combine(day, time(8, 55), tzinfo=ZONE)
        for minute in minutes:
            wanted = datetime.combine(day, time(0), tzinfo=ZONE) + timedelta(minutes=minute)
            began = max(wanted, free_at)
            person = self._next(agent, people, began)
            if person is None or began > until - timedelta(minutes=20):
                return
            free_at = self._call(agent, person, began, skill)

    def _next(self, agent: User, people: list[Person], at: datetime) -> Person | None:
        """Round the agent's customers; those taken out, or called lately, are passed over."""
        for _try in range(len(people)):
            self.turn[agent.pk] = (self.turn[agent.pk] + 1) % len(people)
            person = people[self.turn[agent.pk]]
            assert person.stage_since is not None  # noqa: S101
            rested = person.last_touch is None or at - person.last_touch > timedelta(days=2)
            if not person.is_out and rested and person.stage_since < at and person.attempts < 9:
                return person
        return None

    def _outcome(self, person: Person, hour: int) -> Outcome:
        rng = self.rng
        if person.is_bad_list and rng.random() < 0.2:
            return Outcome.EMPTY_NUMBER
        if rng.random() < person.answer * ANSWER_BY_HOUR.get(hour, 0.9):
            return Outcome.ANSWERED
        return rng.choices(
            (
                Outcome.NO_ANSWER,
                Outcome.BUSY,
                Outcome.REFUSED,
                Outcome.SWITCHED_OFF,
                Outcome.EMPTY_NUMBER,
                Outcome.OUT_OF_SERVICE,
            ),
            (56, 14, 16, 9, 2, 3),
        )[0]

    def _call(self, agent: User, person: Person, began: datetime, skill: float) -> datetime:
        """One call and its result; returns when the agent is free again."""
        rng = self.rng
        outcome = self._outcome(person, began.hour)
        ring = timedelta(seconds=min(28.0, rng.lognormvariate(2.4, 0.45)))
        answered = began + timedelta(seconds=1.5) + ring if outcome is Outcome.ANSWERED else None
        wrap = timedelta(seconds=rng.lognormvariate(2.7, 0.6))
        disposition, cp, talk = self._result(person, outcome, skill)
        ended = (answered + talk) if answered else began + timedelta(seconds=1.5) + ring
        wrapped = ended + wrap
        person.attempts += 1
        person.last_touch = began
        campaign = self.company.campaigns.get(agent.team_id or 0)
        permit = Permit(
            customer=person.customer,
            number_id=person.number_id,
            agent=agent,
            campaign_ref=campaign.pk if campaign else None,
            issued_at=began,
            expires_at=began + timedelta(seconds=30),
            spent_at=began,
            closed_at=ended,
            answers=ANSWERS,
        )
        call = Call(
            permit=permit,
            customer=person.customer,
            number_id=person.number_id,
            agent=agent,
            team_id=agent.team_id,
            campaign=campaign,
            source=person.source,
            state=CallState.ENDED,
            outcome=outcome,
            attempt=min(person.attempts, 99),
            queued_at=began,
            dialed_at=began + timedelta(seconds=1),
            ringing_at=None if outcome is Outcome.EMPTY_NUMBER else began + timedelta(seconds=2),
            answered_at=answered,
            ended_at=ended,
            disposition=disposition,
            cp=cp,
            remark=rng.choice(words.REMARKS) if answered else "",
            wrapped_at=wrapped,
        )
        self.permits.append(permit)
        self.calls.append(call)
        self._consequences(agent, person, call, wrapped)
        return wrapped + timedelta(seconds=rng.uniform(4, 30))

    def _result(
        self, person: Person, outcome: Outcome, skill: float
    ) -> tuple[Disposition, int | None, timedelta]:
        rng = self.rng
        if outcome is Outcome.EMPTY_NUMBER:
            return self.by_effect[Effect.INVALID], None, timedelta()
        if outcome is not Outcome.ANSWERED:
            return self.by_effect[Effect.RETRY], None, timedelta()
        is_long = rng.random() < 0.35
        median = 200 if is_long else 20
        talk = timedelta(seconds=min(1800.0, median * rng.lognormvariate(0, 0.65)))
        liking = person.interest * skill * (1.6 if is_long else 0.7)
        if person.cp and person.cp >= 3 and rng.random() < 0.16 * skill * (1 + person.attempts / 6):
            return self.by_effect[Effect.SOLD], 5, talk
        draw = rng.random()
        if draw < liking:
            return self.interested, rng.choices((2, 3, 4, 5), (2, 4, 3, 1))[0], talk
        if draw < liking + 0.28:
            effect, cp = Effect.REFUSED, rng.choice((0, 1))
        elif draw < liking + 0.31:
            effect, cp = Effect.NOT_THIS_PERSON, None
        elif draw < liking + 0.33:
            effect, cp = Effect.DO_NOT_CALL, 0
        else:
            effect, cp = Effect.FOLLOW_UP, rng.choice((1, 2))
        return self.by_effect[effect], cp, talk

    def _consequences(self, agent: User, person: Person, call: Call, at: datetime) -> None:
        assert call.disposition is not None  # noqa: S101
        effect = Effect(call.disposition.effect)
        rng = self.rng
        if call.cp is not None and call.cp != person.cp:
            person.cp = call.cp
            self.scores.append(
                ScoreGiven(customer=person.customer, score=Score.CP, value=call.cp, by=agent, at=at)
            )
            if call.cp >= 3 and person.stage is Stage.SCREENING:
                self._move(person, Stage.ACQUISITION, agent, at)
        if effect in {Effect.INVALID, Effect.NOT_THIS_PERSON, Effect.DO_NOT_CALL}:
            kind = {
                Effect.INVALID: SuppressionKind.INVALID,
                Effect.NOT_THIS_PERSON: SuppressionKind.NOT_THIS_PERSON,
                Effect.DO_NOT_CALL: SuppressionKind.OPTED_OUT,
            }[effect]
            person.is_out, person.next_due = True, None
            self.suppressions.append(
                Suppression(
                    e164=person.e164,
                    last4=person.e164[-4:],
                    kind=kind,
                    origin="call",
                    by=agent,
                    at=at,
                )
            )
        elif effect is Effect.SOLD:
            self._move(person, Stage.RETENTION, agent, at)
            person.next_due = (at + timedelta(days=7), Reason.REVISIT, "")
        elif effect is Effect.FOLLOW_UP:
            promised = rng.random() < 0.35
            due = at + timedelta(days=rng.choice((1, 2, 3, 7, 14)))
            person.next_due = (
                due.replace(hour=rng.choice(HOURS), minute=rng.choice((0, 15, 30, 45))),
                Reason.PROMISE if promised else Reason.INTEREST,
                call.remark,
            )
        elif effect is Effect.REFUSED:
            person.next_due = (at + timedelta(days=17), Reason.REFUSAL, "")

    def _move(self, person: Person, to: Stage, by: User, at: datetime) -> None:
        if person.stage is to:
            return
        self.moves.append(
            StageMove(customer=person.customer, from_stage=person.stage, to_stage=to, by=by, at=at)
        )
        person.stage, person.stage_since = to, at

    def flush(self) -> None:
        """Write the day. Permits first: a call cannot be stored without one."""
        _copy(self.permits)
        for call in self.calls:
            call.permit_id = call.permit.pk if call.permit else None
        _copy(self.calls)
        _copy(self.scores)
        _copy(self.moves)
        Suppression.objects.bulk_create(self.suppressions, batch_size=CHUNK, ignore_conflicts=True)
        self.permits, self.calls, self.scores = [], [], []
        self.moves, self.suppressions = [], []

    def finish(self, at: datetime) -> None:
        """Where everybody stands now, and the promises still open."""
        people = self.company.people
        Standing.objects.bulk_create(
            [
                Standing(customer=p.customer, stage=p.stage, since=p.stage_since or at, cp=p.cp)
                for p in people
            ],
            batch_size=CHUNK,
        )
        touched = [p for p in people if p.last_touch]
        _set_many(
            "UPDATE customers_customer AS c SET last_touch_at = v.touched"
            " FROM unnest(%s::bigint[], %s::timestamptz[]) AS v (id, touched) WHERE c.id = v.id",
            [(p.customer.pk, p.last_touch) for p in touched],
        )
        waiting = [
            FollowUp(
                customer=p.customer,
                assigned_to=p.agent,
                reason=p.next_due[1],
                note=p.next_due[2],
                due_at=p.next_due[0],
                planned_at=p.last_touch or at,
            )
            for p in people
            # Most were kept; those due lately or ahead are still open.
            if p.next_due
            and p.agent
            and p.next_due[0] > at - timedelta(days=3)
            and (p.next_due[0] > at or self.rng.random() < 0.25)
        ]
        FollowUp.objects.bulk_create(waiting, batch_size=CHUNK)


def _dialled(company: Company, *, at: datetime) -> Campaign:
    """One campaign of each kind that dials by itself; the new one calls the first team's pool."""
    first, second, third, *_ = company.teams
    for team, mode in ((second, DialMode.PROGRESSIVE), (third, DialMode.PREVIEW)):
        company.campaigns[team.pk] = set_dialing(
            campaign=company.campaigns[team.pk], dialing=Dialing(dial_mode=mode, preview_seconds=20),
            by=company.by, at=at,
        )  # fmt: skip
    like = company.campaigns[first.pk]
    draft = CampaignDraft(
        name="公海预测外呼",
        stage=Stage(like.stage),
        product=like.product,
        script_version=like.script_version,
        disposition_set=like.disposition_set,
        agents=list(like.agents.all()),
        team=first,
        opens_minute=0,
        closes_minute=24 * 60,
        dialing=Dialing(dial_mode=DialMode.PREDICTIVE, small_team=3),
    )
    return create_campaign(draft=draft, by=company.by, at=at)


def _present(company: Company, *, at: datetime) -> None:
    """Running campaigns with customers waiting."""
    targets = []
    for person in company.people:
        if person.agent is None or person.agent.team_id is None:
            continue
        done = person.is_out or person.next_due is not None or person.attempts >= 9
        targets.append(
            Target(
                campaign=company.campaigns[person.agent.team_id],
                customer=person.customer,
                agent=person.agent,
                priority=person.cp or 0,
                attempts=person.attempts,
                state=TargetState.OUT
                if person.is_out
                else TargetState.DONE
                if done
                else TargetState.WAITING,
                done_at=at if done else None,
            )
        )
    pool = _dialled(company, at=at)
    targets += [
        Target(campaign=pool, customer=person.customer, priority=person.cp or 0)
        for person in company.people
        if person.agent is None and not person.is_out and person.customer.team_id == pool.team_id
    ]
    Target.objects.bulk_create(targets, batch_size=CHUNK)
    for campaign in [*company.campaigns.values(), pool]:
        change_state(
            campaign=campaign,
            to=CampaignState.RUNNING,
            by=company.by,
            at=at - timedelta(days=DAYS),
        )
