"""Answers about people."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from axes.models import AccessAttempt
from django.conf import settings

from .models import RightsVersion, Team, User
from .rights import (
    DEFAULT,
    FIXED_ACTS,
    FIXED_ROLES,
    SCOPES,
    Difference,
    Field,
    Limit,
    Rights,
    Showing,
    differences,
    rights_with,
    scopes_for,
)
from .rules import Act, OwnerState, Role


def locked_out(*, at: datetime) -> set[str]:
    """Usernames that may not sign in for a while, because the password was wrong too often."""
    since = at - timedelta(hours=settings.AXES_COOLOFF_TIME)
    attempts = AccessAttempt.objects.filter(
        attempt_time__gte=since, failures_since_start__gte=settings.AXES_FAILURE_LIMIT
    )
    return set(attempts.values_list("username", flat=True))


def people_of(
    *, text: str = "", team: str = "", role: str = "", is_active: bool = True
) -> list[User]:
    """Colleagues whose name contains `text`, by name; machines are left out. At most 1,000."""
    rows = User.objects.filter(is_active=is_active).exclude(username="system")
    if text:
        rows = rows.filter(display_name__icontains=text) | rows.filter(username__icontains=text)
    if team.isdecimal() and len(team) <= 18:
        rows = rows.filter(team_id=int(team))
    if role:
        rows = rows.filter(role=role)
    return list(rows.select_related("team").order_by("display_name", "username")[:1000])


def team_tree() -> list[tuple[Team, int]]:
    """Every active team with its depth (0 at the top), each behind the team above it."""
    teams = list(Team.objects.filter(is_active=True).order_by("name"))
    known = {team.pk for team in teams}

    def below(parent: int | None, depth: int) -> list[tuple[Team, int]]:
        return [
            line
            for team in teams
            if (team.parent_id if team.parent_id in known else None) == parent
            for line in [(team, depth), *below(team.pk, depth + 1)]
        ]

    return below(None, 0)


# -- rights ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cell:
    """One right of one role on the page. `choices` is empty where it cannot be changed."""

    name: str
    value: str
    shown: str
    choices: list[tuple[str, str]]
    is_changed: bool  # differs from the code's


@dataclass(frozen=True)
class Row:
    group: str
    label: str
    cells: list[Cell]


def table_of(rights: Rights, table: str) -> list[Row]:
    """ "acts", "fields" or "limits" as rows of cells, one for each role."""
    match table:
        case "fields":
            return [
                Row(
                    str(state.label), str(field.label),
                    [_field_cell(rights, role, state, field) for role in Role],
                )
                for state in OwnerState
                for field in Field
            ]  # fmt: skip
        case "limits":
            return [
                Row("", str(limit.label), [_limit_cell(rights, role, limit) for role in Role])
                for limit in Limit
            ]
        case _:
            return [
                Row("", str(act.label), [_act_cell(rights, role, act) for role in Role])
                for act in Act
            ]


def _act_cell(rights: Rights, role: Role, act: Act) -> Cell:
    scope = rights.acts[role][act]
    is_fixed = role in FIXED_ROLES or act in FIXED_ACTS
    choices = [] if is_fixed else [(s.name.lower(), SCOPES[s]) for s in scopes_for(act)]
    return Cell(
        name=f"{role}.{act}",
        value=scope.name.lower(),
        shown=SCOPES[scope],
        choices=choices,
        is_changed=scope != DEFAULT.acts[role][act],
    )


def _field_cell(rights: Rights, role: Role, state: OwnerState, field: Field) -> Cell:
    showing = rights.fields[role][state][field]
    return Cell(
        name=f"{role}.{state}.{field}",
        value=showing,
        shown=str(showing.label),
        choices=[] if role in FIXED_ROLES else [(str(s), str(s.label)) for s in Showing],
        is_changed=showing != DEFAULT.fields[role][state][field],
    )


def _limit_cell(rights: Rights, role: Role, limit: Limit) -> Cell:
    most = rights.limits[role][limit]
    return Cell(
        name=f"{role}.{limit}",
        value=str(most),
        shown=f"{most:,}",
        choices=[] if role in FIXED_ROLES else [(str(most), "")],
        is_changed=most != DEFAULT.limits[role][limit],
    )


@dataclass(frozen=True)
class Told:
    """A version of the rights, and what it changed."""

    version: RightsVersion
    differences: list[Difference]


def versions_told(*, most: int = 10) -> list[Told]:
    """The newest versions, each with what differs from the one before it."""
    rows = list(RightsVersion.objects.select_related("by").order_by("-pk")[: most + 1])
    return list(_told(rows))[:most]


def _told(rows: list[RightsVersion]) -> Iterable[Told]:
    for place, version in enumerate(rows):
        older = rows[place + 1] if place + 1 < len(rows) else None
        before = rights_with(older.changes, version=older.pk) if older else DEFAULT
        after = rights_with(version.changes, version=version.pk)
        yield Told(version, differences(before, after))
