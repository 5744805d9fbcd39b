"""Who may do what, as a table. No database, no clock.

Every view names an `Act`; `GRANTS` says how far each role's right to it reaches. A test walks
every URL with every role and compares, and docs/reference/roles.md is drawn from this table.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import IntEnum

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from furrow.common.refusal import Refused


class Role(TextChoices):
    AGENT = "agent", _("Agent")
    LEADER = "leader", _("Team leader")
    QA = "qa", _("Quality reviewer")
    OPERATIONS = "operations", _("Operations")
    MANAGER = "manager", _("Manager")
    ADMINISTRATOR = "administrator", _("Administrator")


class Scope(IntEnum):
    """How far a right reaches. Higher includes lower."""

    NONE = 0
    OWN = 1  # what I own, and what my team may claim
    TEAM = 2  # my team's
    SUBTREE = 3  # my team's, and those of the teams below it
    ALL = 4  # the company's


class OwnerState(TextChoices):
    """How somebody stands to a customer. What is shown of it may differ by this (I2)."""

    OWN = "own", _("My own")
    COLLABORATOR = "collaborator", _("I help with it")
    TEAM = "team", _("A colleague's whom I lead or sit with")
    POOL = "pool", _("In a pool")
    OTHER = "other", _("Somebody else's")


def subtree(root: int, parents: Mapping[int, int | None]) -> list[int]:
    """`root` and every team below it, in the order of their ids.

    parents  team -> the team above it; None at the top. A ring, which the database cannot
             refuse by itself, ends where it began. Cost: teams x depth.
    """

    def is_below(team: int) -> bool:
        above: int | None = team
        for _step in range(len(parents) + 1):
            if above is None or above == root:
                return above == root
            above = parents.get(above)
        return False

    return sorted({root} | {team for team in parents if is_below(team)})


class Act(TextChoices):
    """Everything a person or a token may do. Views, API endpoints and navigation name these."""

    USE_DESK = "use_desk", _("Work at the desk and make calls")
    VIEW_CUSTOMERS = "view_customers", _("See customers")
    EDIT_CUSTOMERS = "edit_customers", _("Change customers and add notes")
    REVEAL_NUMBERS = "reveal_numbers", _("See a whole phone number")
    ASSIGN_CUSTOMERS = "assign_customers", _("Give customers to agents")
    SETTLE_CLASHES = "settle_clashes", _("Decide who of two keeps a customer")
    VIEW_CREDIT = "view_credit", _("See credit for sales")
    POST_SALES = "post_sales", _("Tell of sales and refunds")
    EDIT_OWNERSHIP = "edit_ownership", _("Change how customers are claimed and kept")
    MERGE_CUSTOMERS = "merge_customers", _("Merge duplicates")
    SUPPRESS = "suppress", _("Put a number on the do-not-call list")
    LIFT_SUPPRESSION = "lift_suppression", _("Take a number off the do-not-call list")
    EDIT_POLICY = "edit_policy", _("Change calling hours, holidays and caps")
    EDIT_PIPELINE = "edit_pipeline", _("Change stages and follow-up rules")
    IMPORT = "import", _("Import lists")
    VIEW_CAMPAIGNS = "view_campaigns", _("See campaigns")
    EDIT_CAMPAIGNS = "edit_campaigns", _("Make and change campaigns")
    VIEW_FOLLOWUPS = "view_followups", _("See follow-ups")
    EDIT_FOLLOWUPS = "edit_followups", _("Plan and finish follow-ups")
    WATCH_FLOOR = "watch_floor", _("Watch the floor")
    VIEW_REPORTS = "view_reports", _("Read reports")
    EXPORT = "export", _("Export tables")
    APPROVE_EXPORTS = "approve_exports", _("Approve exports of others")
    VIEW_ALERTS = "view_alerts", _("See alerts about unusual viewing")
    PLANT_HONEY = "plant_honey", _("Plant records nobody should touch")
    EDIT_RIGHTS = "edit_rights", _("Change what each role may do and see")
    VIEW_AUDIT = "view_audit", _("Read the audit trail")
    MANAGE_PEOPLE = "manage_people", _("Manage people, teams and roles")
    MANAGE_INTEGRATIONS = "manage_integrations", _("Manage API tokens and webhooks")
    USE_API = "use_api", _("Use the API")
    LISTEN = "listen", _("Listen to recordings of calls")
    USE_PHONE = "use_phone", _("Have a phone in the browser")
    LISTEN_LIVE = "listen_live", _("Listen to calls that are on")
    JOIN_CALLS = "join_calls", _("Whisper into calls, join them and take them over")
    SEE_SELF = "see_self", _("See and change my own settings")


_N, _O, _T, _S, _A = Scope

# Columns: agent, leader, QA, operations, manager, administrator.
_TABLE: Mapping[Act, tuple[Scope, Scope, Scope, Scope, Scope, Scope]] = {
    Act.USE_DESK: (_O, _O, _N, _N, _N, _N),
    Act.VIEW_CUSTOMERS: (_O, _S, _A, _A, _A, _A),
    Act.EDIT_CUSTOMERS: (_O, _S, _N, _A, _A, _A),
    Act.REVEAL_NUMBERS: (_N, _S, _N, _A, _A, _A),
    Act.ASSIGN_CUSTOMERS: (_N, _S, _N, _A, _A, _A),
    Act.SETTLE_CLASHES: (_N, _S, _N, _N, _A, _A),
    Act.VIEW_CREDIT: (_O, _S, _N, _A, _A, _A),
    Act.POST_SALES: (_N, _N, _N, _A, _A, _A),
    Act.EDIT_OWNERSHIP: (_N, _N, _N, _A, _A, _A),
    Act.MERGE_CUSTOMERS: (_N, _S, _N, _A, _A, _A),
    Act.SUPPRESS: (_O, _S, _A, _A, _A, _A),
    Act.LIFT_SUPPRESSION: (_N, _N, _N, _N, _A, _A),
    Act.EDIT_POLICY: (_N, _N, _N, _A, _A, _A),
    Act.EDIT_PIPELINE: (_N, _N, _N, _A, _A, _A),
    Act.IMPORT: (_N, _N, _N, _A, _A, _A),
    Act.VIEW_CAMPAIGNS: (_O, _S, _A, _A, _A, _A),
    Act.EDIT_CAMPAIGNS: (_N, _N, _N, _A, _A, _A),
    Act.VIEW_FOLLOWUPS: (_O, _S, _A, _A, _A, _A),
    Act.EDIT_FOLLOWUPS: (_O, _S, _N, _N, _A, _A),
    Act.WATCH_FLOOR: (_N, _S, _A, _A, _A, _A),
    Act.VIEW_REPORTS: (_N, _S, _A, _A, _A, _A),
    Act.EXPORT: (_N, _N, _N, _A, _A, _A),
    Act.APPROVE_EXPORTS: (_N, _N, _N, _N, _A, _A),
    Act.VIEW_ALERTS: (_N, _N, _N, _N, _A, _A),
    Act.PLANT_HONEY: (_N, _N, _N, _N, _N, _A),
    Act.EDIT_RIGHTS: (_N, _N, _N, _N, _N, _A),
    Act.VIEW_AUDIT: (_N, _N, _N, _N, _A, _A),
    Act.MANAGE_PEOPLE: (_N, _N, _N, _N, _A, _A),
    Act.MANAGE_INTEGRATIONS: (_N, _N, _N, _N, _N, _A),
    Act.USE_API: (_O, _S, _N, _A, _A, _A),
    Act.LISTEN: (_O, _S, _A, _N, _A, _N),
    Act.USE_PHONE: (_O, _O, _O, _N, _O, _N),
    Act.LISTEN_LIVE: (_N, _S, _A, _N, _A, _N),
    Act.JOIN_CALLS: (_N, _S, _N, _N, _A, _N),
    Act.SEE_SELF: (_O, _O, _O, _O, _O, _O),
}

GRANTS: Mapping[Role, Mapping[Act, Scope]] = {
    role: {act: scopes[column] for act, scopes in _TABLE.items()}
    for column, role in enumerate(Role)
}


def scope_of(role: str, act: Act) -> Scope:
    """How far `role` may do `act` unless an administrator changed it (see rights). An unknown
    role may do nothing."""
    return GRANTS[Role(role)][act] if role in Role.values else Scope.NONE


class NotAllowed(Refused):
    """The role does not carry this right."""


class PresenceState(TextChoices):
    """What an agent is doing now (D7, D8)."""

    OFFLINE = "offline", _("Offline")
    READY = "ready", _("Ready")
    CALLING = "calling", _("Calling")
    TALKING = "talking", _("Talking")
    WRAPUP = "wrapup", _("Wrapping up")
    AWAY = "away", _("Away")


# An agent whose screen has been silent for this long is no longer at the desk.
PRESENCE_SILENCE = timedelta(seconds=90)


def is_present(state: str, *, seen_at: datetime, at: datetime) -> bool:
    """Whether somebody in `state`, last heard of at `seen_at`, is at work at `at`."""
    return state != PresenceState.OFFLINE and at - seen_at <= PRESENCE_SILENCE
