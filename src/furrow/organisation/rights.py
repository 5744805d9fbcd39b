"""Rights as data: the tables an administrator may change, and what they are until somebody does.

Three tables: how far each role's acts reach, what each role is shown of a customer by how the
person stands to it, and how much a day. No database, no clock.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db.models import TextChoices
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from furrow.common.refusal import Refused

from .rules import GRANTS, Act, OwnerState, Role, Scope


class Field(TextChoices):
    """What of a customer may be shown to some and not to others (I2, I3).

    Phone numbers are not among them: they are masked for everybody, and revealing one is an act.
    """

    NAME = "name", _("Name")  # never hidden whole: a row nobody can tell from another helps nobody
    EMAIL = "email", _("E-mail")
    ADDRESS = "address", _("Address")
    PROFILE = "profile", _("Profile: work, needs, hobbies")
    PRIVATE = "private", _("Private: birthday, marriage, family, income")


class Showing(TextChoices):
    """How much of a field reaches a browser."""

    HIDDEN = "hidden", _("Hidden")  # not even whether it is known
    MASKED = "masked", _("Masked")  # enough to recognise, not to use
    SHOWN = "shown", _("Shown")


class Limit(TextChoices):
    """How much one person may do in a day of the company."""

    VIEWS = "views", _("Customers opened")
    EXPORT_ROWS = "export_rows", _("Rows taken away in files")


MOST_LIMIT = 10_000_000

_LETTER = {"h": Showing.HIDDEN, "m": Showing.MASKED, "s": Showing.SHOWN}
# One letter for each of Field, in its order.
_OPEN = "sssss"
_SHOWINGS: Mapping[Role, tuple[str, str, str, str, str]] = {
    # own, collaborator, team, pool, other
    Role.AGENT: (_OPEN, _OPEN, "smmsm", "mmmsm", "mhhhh"),
    Role.LEADER: (_OPEN, _OPEN, _OPEN, _OPEN, "mhhhh"),
    Role.QA: ("smmsm",) * 5,
    Role.OPERATIONS: (_OPEN,) * 5,
    Role.MANAGER: (_OPEN,) * 5,
    Role.ADMINISTRATOR: (_OPEN,) * 5,
}
_LIMITS: Mapping[Role, tuple[int, int]] = {  # customers opened, rows taken away
    Role.AGENT: (300, 0),
    Role.LEADER: (500, 0),
    Role.QA: (500, 0),
    Role.OPERATIONS: (5_000, 20_000),
    Role.MANAGER: (1_000, 20_000),
    Role.ADMINISTRATOR: (1_000, 20_000),
}

Showings = Mapping[OwnerState, Mapping[Field, Showing]]


@dataclass(frozen=True)
class Rights:
    """What holds now, for every role."""

    acts: Mapping[Role, Mapping[Act, Scope]]
    fields: Mapping[Role, Showings]
    limits: Mapping[Role, Mapping[Limit, int]]
    version: int = 0  # 0 = as in the code


DEFAULT = Rights(
    acts=GRANTS,
    fields={
        role: {
            state: {f: _LETTER[letter] for f, letter in zip(Field, letters, strict=True)}
            for state, letters in zip(OwnerState, by_state, strict=True)
        }
        for role, by_state in _SHOWINGS.items()
    },
    limits={role: dict(zip(Limit, most, strict=True)) for role, most in _LIMITS.items()},
)

# What an administrator changes: {"acts": {"agent": {"import": "all"}}, "fields": {"agent":
# {"pool": {"email": "hidden"}}}, "limits": {"agent": {"views": 200}}}; only what differs.
Changes = Mapping[str, Mapping[str, Any]]

# Administrators' rights and these acts are the house's own: whoever could change them might lock
# everybody out, or let himself in.
FIXED_ROLES = frozenset({Role.ADMINISTRATOR})
FIXED_ACTS = frozenset({Act.SEE_SELF, Act.EDIT_RIGHTS, Act.PLANT_HONEY, Act.MANAGE_PEOPLE})


class CannotChangeRights(Refused):
    """A table of rights that would let somebody in who must not be, or that nobody can read."""


def scopes_for(act: Act) -> list[Scope]:
    """The scopes that mean something for an act: acts upon customers and people have all of them,
    the others are had or not."""
    usual = {GRANTS[role][act] for role in Role}
    if usual <= {Scope.NONE, Scope.ALL}:
        return [Scope.NONE, Scope.ALL]
    if usual <= {Scope.NONE, Scope.OWN}:
        return [Scope.NONE, Scope.OWN]
    return list(Scope)


def rights_with(changes: Changes, *, version: int) -> Rights:
    """The rights in the code, with these changes laid over them. Entries nobody knows any more
    (a right that was taken out of the product) are passed over."""
    acts = {role: dict(grants) for role, grants in DEFAULT.acts.items()}
    for role, grants in changes.get("acts", {}).items():
        for act, scope in grants.items():
            if act in Act.values and role in Role.values:
                acts[Role(role)][Act(act)] = Scope[scope.upper()]
    fields = {role: {s: dict(f) for s, f in by.items()} for role, by in DEFAULT.fields.items()}
    for role, by_state in changes.get("fields", {}).items():
        for state, by_field in by_state.items():
            for name, showing in by_field.items():
                if role in Role.values and state in OwnerState.values and name in Field.values:
                    fields[Role(role)][OwnerState(state)][Field(name)] = Showing(showing)
    limits = {role: dict(most) for role, most in DEFAULT.limits.items()}
    for role, by_limit in changes.get("limits", {}).items():
        for limit, most in by_limit.items():
            if role in Role.values and limit in Limit.values:
                limits[Role(role)][Limit(limit)] = int(most)
    return Rights(acts, fields, limits, version)


def check_changes(changes: Changes) -> None:
    """Raise CannotChangeRights for what must not or cannot be."""
    for role, grants in changes.get("acts", {}).items():
        for act, scope in grants.items():
            if act in FIXED_ACTS:
                raise CannotChangeRights(
                    _t("“%(act)s” is the house's own right and stays as it is.")
                    % {"act": Act(act).label},
                    rule="I3",
                )
            if scope not in {known.name.lower() for known in scopes_for(Act(act))}:
                raise CannotChangeRights(_t("There is no such reach for this right."), rule="I3")
            _check_role(role)
    for role in changes.get("fields", {}):
        _check_role(role)
    for role, by_limit in changes.get("limits", {}).items():
        _check_role(role)
        for most in by_limit.values():
            if not 0 <= int(most) <= MOST_LIMIT:
                raise CannotChangeRights(
                    _t("A limit is a whole number from 0 to %(most)s.") % {"most": MOST_LIMIT},
                    rule="I3",
                )


def _check_role(role: str) -> None:
    if role not in Role.values or Role(role) in FIXED_ROLES:
        raise CannotChangeRights(
            _t("What administrators may do stays as it is, so that nobody is locked out."),
            rule="I3",
        )


@dataclass(frozen=True)
class Difference:
    """One cell that differs between two tables of rights, for people to read."""

    role: Role
    what: str
    before: str
    after: str


def differences(before: Rights, after: Rights) -> list[Difference]:
    return list(_differences(before, after))


def _differences(before: Rights, after: Rights) -> Iterator[Difference]:
    for role in Role:
        for act in Act:
            was, now = before.acts[role][act], after.acts[role][act]
            if was != now:
                yield Difference(role, str(act.label), SCOPES[was], SCOPES[now])
        for state in OwnerState:
            for name in Field:
                had, has = before.fields[role][state][name], after.fields[role][state][name]
                if had != has:
                    what = f"{name.label} · {state.label}"
                    yield Difference(role, what, str(had.label), str(has.label))
        for limit in Limit:
            most, least = before.limits[role][limit], after.limits[role][limit]
            if most != least:
                yield Difference(role, str(limit.label), f"{most:,}", f"{least:,}")


class _Labels(dict[Scope, str]):
    """How a scope reads, in the language of the moment."""

    def __missing__(self, scope: Scope) -> str:
        return str(_SCOPE_LABELS[scope])


_SCOPE_LABELS = {
    Scope.NONE: _("no"),
    Scope.OWN: _("own"),
    Scope.TEAM: _("team"),
    Scope.SUBTREE: _("team and below"),
    Scope.ALL: _("all"),
}
SCOPES = _Labels()


def changes_between(before: Rights, after: Rights) -> dict[str, Any]:
    """What of `after` differs from `before`, as `rights_with` reads it."""
    found: dict[str, Any] = {"acts": {}, "fields": {}, "limits": {}}
    for role in Role:
        for act in Act:
            if (scope := after.acts[role][act]) != before.acts[role][act]:
                found["acts"].setdefault(str(role), {})[str(act)] = scope.name.lower()
        for state in OwnerState:
            for name in Field:
                if (showing := after.fields[role][state][name]) != before.fields[role][state][name]:
                    by_state = found["fields"].setdefault(str(role), {}).setdefault(str(state), {})
                    by_state[str(name)] = str(showing)
        for limit in Limit:
            if (most := after.limits[role][limit]) != before.limits[role][limit]:
                found["limits"].setdefault(str(role), {})[str(limit)] = most
    return {table: rows for table, rows in found.items() if rows}


@dataclass
class Held:
    """The rights of one request, read at most once."""

    rights: Rights | None = field(default=None)
