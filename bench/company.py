"""A company with a million customers, in a database of its own, in a few minutes.

The people and campaigns are made by the everyday actions, everything else by `company.sql`, with
the triggers silent and the indexes built afterwards. A company made today from the same code is
used again.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from furrow.config.places import schema_mark

if TYPE_CHECKING:
    from django.db.backends.utils import CursorWrapper

    from furrow.organisation.models import Team, User

HERE = Path(__file__).parent
NAMES = 60_000  # different names; nine in ten are people's

# The tables that grow with the company: filled without their indexes, which are built afterwards.
LARGE = (
    "customers_customer",
    "customers_number",
    "customers_ownershipevent",
    "acquisition_lead",
    "pipeline_standing",
    "pipeline_stagemove",
    "permits_permit",
    "calls_call",
    "followups_followup",
    "campaigns_target",
    "compliance_suppression",
)


@dataclass(frozen=True)
class Size:
    customers: int = 1_000_000
    agents: int = 300
    teams: int = 20
    calls_per_agent: int = 100  # a day
    days: int = 15  # with calls, today included; a week ago is one of them

    @property
    def told(self) -> str:
        calls = self.agents * self.calls_per_agent
        return (
            f"{self.customers:,} customers, {self.agents} agents in {self.teams} teams, "
            f"{calls:,} calls on each of {self.days} days"
        )


def database_name(size: Size, at: datetime) -> str:
    """The same for the same size, day, tables and generator."""
    made_by = b"".join((HERE / name).read_bytes() for name in ("company.py", "company.sql"))
    mark = hashlib.sha256(f"{size} {at:%Y%m%d} {schema_mark()}".encode() + made_by).hexdigest()
    return f"company_{mark[:16]}"


def make_company(*, at: datetime, size: Size) -> None:
    """Fill an empty, migrated database. Everything is in the past of `at`, or open at `at`."""
    from django.db import connection, transaction

    from furrow.campaigns.actions import change_state
    from furrow.campaigns.models import Campaign
    from furrow.campaigns.rules import CampaignState
    from furrow.config.demo.actions import ANSWERS, ZONE
    from furrow.organisation.actions import system_user

    random = Random(1)
    with transaction.atomic(), connection.cursor() as cursor:
        _people(cursor, size=size, at=at)
        _names(cursor, random)
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("SET LOCAL maintenance_work_mem = '1GB'")
        cursor.execute("SET LOCAL work_mem = '256MB'")
        indexes = _take_indexes(cursor)
        local = at.astimezone(ZONE)
        cursor.execute(
            (HERE / "company.sql").read_text(),
            {
                "customers": size.customers,
                "calls_per_agent": size.calls_per_agent,
                "days": size.days,
                "at": at,
                "midnight": local.replace(hour=0, minute=0, second=0, microsecond=0),
                "by": system_user().pk,
                "answers": json.dumps(ANSWERS),
            },
        )
        for index in indexes:
            cursor.execute(index)
        for campaign in Campaign.objects.all():
            change_state(campaign=campaign, to=CampaignState.RUNNING, by=system_user(), at=at)
        for table in LARGE:
            if table != "pipeline_standing":
                cursor.execute(
                    f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id)) FROM {table}"
                )
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def _people(cursor: CursorWrapper, *, size: Size, at: datetime) -> None:
    """Teams with a leader, agents and a campaign each, an office, sources, rules."""
    from furrow.acquisition.models import Source
    from furrow.campaigns.actions import (
        CampaignDraft,
        create_campaign,
        save_script,
        seed_dispositions,
    )
    from furrow.compliance.actions import seed_compliance
    from furrow.config.demo import words
    from furrow.organisation.actions import change_rights, create_team, create_user, system_user
    from furrow.organisation.rights import FIXED_ROLES, MOST_LIMIT, rights_with
    from furrow.organisation.rules import Role
    from furrow.pipeline.rules import Stage

    by = system_user()

    def person(username: str, name: str, role: Role, team: Team | None) -> User:
        return create_user(
            username=username, display_name=name, role=role, team=team, password=None, by=by, at=at
        )

    for username, role, name in words.OFFICE:
        person(username, name, Role(role), None)
    # A bench opens more customers in a minute than anybody may in a day.
    people = [role for role in Role if role not in FIXED_ROLES]
    change_rights(
        rights=rights_with(
            {"limits": {str(role): {"views": MOST_LIMIT} for role in people}}, version=0
        ),
        reason="bench", version=0, by=by, at=at,
    )  # fmt: skip
    seed_compliance(by=by, at=at)
    results = seed_dispositions(name="标准结果", by=by, at=at)
    script = save_script(name="清洗话术", body=words.SCRIPTS["清洗话术"], by=by, at=at)
    cursor.execute(
        "CREATE TEMPORARY TABLE agent (a bigint, id bigint, team_id bigint, campaign_id bigint)"
    )
    for number in range(size.teams):
        team = create_team(name=f"{number + 1} 组", by=by, at=at)
        person(f"leader{number + 1}", f"组长{number + 1}", Role.LEADER, team)
        mine = range(number, size.agents, size.teams)
        agents = [
            person(f"agent{a + 1}", f"{words.AGENTS[a % 30]} {a + 1}", Role.AGENT, team)
            for a in mine
        ]
        campaign = create_campaign(
            draft=CampaignDraft(
                name=f"秋季名单清洗 {number + 1}",
                stage=Stage.SCREENING,
                script_version=script,
                disposition_set=results,
                agents=agents,
                team=team,
            ),
            by=by,
            at=at,
        )
        cursor.executemany(
            "INSERT INTO agent VALUES (%s, %s, %s, %s)",
            [(a, agent.pk, team.pk, campaign.pk) for a, agent in zip(mine, agents, strict=True)],
        )
    cursor.execute("CREATE TEMPORARY TABLE source (s bigint, id bigint)")
    for number, (name, kind, basis, purpose, *_rest) in enumerate(words.SOURCES):
        source = Source.objects.create(
            name=name, kind=kind, legal_basis=basis, purpose=purpose, created_at=at
        )
        cursor.execute("INSERT INTO source VALUES (%s, %s)", [number, source.pk])
    cursor.execute(
        "CREATE TEMPORARY TABLE result AS"
        " SELECT DISTINCT ON (effect) effect, id FROM campaigns_disposition ORDER BY effect, key"
    )
    cursor.execute("CREATE TEMPORARY TABLE city (c bigint, name text)")
    cursor.executemany(
        "INSERT INTO city VALUES (%s, %s)",
        [(number, name) for number, (name, _weight) in enumerate(words.CITIES)],
    )


def _names(cursor: CursorWrapper, random: Random) -> None:
    from furrow.common.text import grams, pinyin_key
    from furrow.config.demo.actions import _drafts
    from furrow.customers.rules import Kind
    from furrow.science.linkage.companies import company_key
    from furrow.science.linkage.names import name_key

    cursor.execute(
        "CREATE TEMPORARY TABLE names (k bigint, kind text, name text, grams text[],"
        " sort_key text, name_key text)"
    )
    with cursor.copy("COPY names FROM STDIN") as copy:
        for k, draft in enumerate(_drafts(random, NAMES)):
            key = company_key if draft.kind is Kind.ORGANISATION else name_key
            copy.write_row(
                (k, draft.kind, draft.name, grams(draft.name), pinyin_key(draft.name),
                 key(draft.name))
            )  # fmt: skip
    cursor.execute("ANALYZE names")


def _take_indexes(cursor: CursorWrapper) -> list[str]:
    """Drop the indexes of the large tables that no constraint needs; how to make them again."""
    cursor.execute(
        "SELECT indexname, indexdef FROM pg_indexes JOIN pg_class ON relname = indexname"
        " WHERE tablename = ANY(%s)"
        " AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = pg_class.oid)",
        [list(LARGE)],
    )
    found = cursor.fetchall()
    for name, _definition in found:
        cursor.execute(f'DROP INDEX "{name}"')
    return [definition for _name, definition in found]
