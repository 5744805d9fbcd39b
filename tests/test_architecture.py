"""Promises import-linter cannot see: foreign keys, who writes, who sees, and what is recorded."""

import re
import tomllib
from pathlib import Path

import pytest
from django.apps import apps
from django.db.models import ForeignKey, Model
from django.urls import URLPattern, URLResolver, get_resolver

from furrow.customers import holdings

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "furrow"
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"][
    "importlinter"
]["contracts"]
SHELF = [
    name.strip("()") for layer in CONTRACTS[0]["layers"] for name in layer.split(" | ")
]  # top to bottom
OURS = [app for app in apps.get_app_configs() if app.name.startswith("furrow.")]
MODELS = [
    model
    for app in OURS
    for model in app.get_models()
    if not getattr(model, "pgh_tracked_model", None)
]
CAPABILITIES = sorted(path.parent for path in PACKAGE.glob("*/__init__.py"))


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m._meta.label)
def test_foreign_keys_point_down_the_shelf(model: type[Model]) -> None:
    own = SHELF.index(model._meta.app_label)
    for field in model._meta.get_fields():
        if isinstance(field, ForeignKey) and field.related_model._meta.app_label in SHELF:
            assert SHELF.index(field.related_model._meta.app_label) >= own, field.name


WRITES = re.compile(
    r"\.(save|delete|bulk_create|bulk_update|get_or_create|update_or_create)\("
    r"|objects\.\w*create\(|\)\.update\("
)
# Dictionaries and Django's own messages also have an `update`; these files hold no tables.
NO_TABLES = {"science", "telephony", "common"}


def _product_files() -> list[Path]:
    return [
        path
        for path in sorted(PACKAGE.rglob("*.py"))
        if not {"tests", "migrations"} & set(path.parts)
        and path.relative_to(PACKAGE).parts[0] not in NO_TABLES
    ]


@pytest.mark.parametrize("path", _product_files(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_only_actions_write_tables(path: Path) -> None:
    if path.stem == "actions" or "actions" in path.parts:
        return
    found = [
        line.strip()
        for line in path.read_text(encoding="utf-8").splitlines()
        if WRITES.search(line) and "# not a table" not in line
    ]
    assert found == []


EDGES = sorted(
    [*PACKAGE.glob("*/views.py"), *PACKAGE.glob("*/views/*.py"), *PACKAGE.glob("*/api.py")]
)


@pytest.mark.parametrize("edge", EDGES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_edges_see_only_what_the_user_may(edge: Path) -> None:
    """An edge starts from `.visible_to(user)`; what is everybody's to see says so."""
    found = [
        line.strip()
        for line in edge.read_text(encoding="utf-8").splitlines()
        if re.search(r"\.objects\.(?!visible_to)\w+", line) and "# everybody's" not in line
    ]
    assert found == []


@pytest.mark.parametrize("folder", CAPABILITIES, ids=lambda p: p.name)
def test_every_capability_explains_itself_on_a_page(folder: Path) -> None:
    if folder.name == "furrow":
        return
    readme = folder / "README.md"
    assert readme.exists()
    assert len(readme.read_text(encoding="utf-8").splitlines()) <= 70


def test_every_capability_has_its_place_on_the_shelf() -> None:
    assert {path.name for path in CAPABILITIES} <= set(SHELF)


def test_every_table_about_a_customer_says_how_it_follows_a_merge() -> None:
    holdings.movers()


def test_an_undeclared_table_makes_merging_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(holdings._movers, "calls.Call.customer")
    with pytest.raises(holdings.CannotMerge, match=r"calls\.Call\.customer"):
        holdings.movers()


# Tables without a row history, each with its reason. Everything else is tracked by triggers, which
# also see bulk updates and plain SQL.
UNTRACKED = {
    "audit.Event": "is the trail itself, and append-only",
    "audit.Seal": "is the chain over the trail, and append-only",
    "customers.OwnershipEvent": "is a ledger: rows are added, never changed",
    "customers.MergeEvent": "is a ledger",
    "customers.Note": "is added, never changed",
    "rulebooks.RuleVersion": "is never changed; a new version is added",
    "rulebooks.Run": "is a job; what came of it is in its capability's tables",
    "ownership.Act": "is a ledger",
    "ownership.Standing": "is made from the acts, and can be made anew",
    "ownership.Return": "is evidence; its end is set once",
    "ownership.Losing": "is made anew each night",
    "pipeline.StageMove": "is a ledger",
    "pipeline.ScoreGiven": "is a ledger",
    "compliance.PolicyVersion": "is never changed; a new version is added",
    "compliance.Refusal": "is a ledger",
    "lines.Use": "is a ledger, marked once with its result",
    "compliance.Consent": "is a ledger",
    "compliance.RegisterEntry": "is replaced whole with each copy of its register",
    "permits.Permit": "is the evidence itself; its three instants are set once",
    "permits.Denial": "is evidence, and never deleted",
    "organisation.RightsVersion": "is never changed; a new version is added",
    "sightings.Sighting": "is the log itself; looks again are counted in it",
    "exports.Taking": "is a ledger",
    "organisation.Presence": "changes with each call; every change is an audit event",
    "dialer.Heartbeat": "is a sign of life every two seconds",
    "dialer.Session": "is opened and closed once, both audited",
    "dialer.Line": "comes and goes as phones do",
    "dialer.Lease": "is taken, and then dialled or given back, once",
    "inbound.Arrival": "changes once, when it is over, and is audited",
    "inbound.Offer": "changes once, when it is over, and is audited",
    "dialer.Talk": "what is wanted of a call's lines; each wish is an audit event",
    "dialer.Party": "who comes into a call; each step is an audit event",
    "phones.Account": "is a password of half a day; opening and closing are audited",
    "recordings.Recording": "is stored and erased once, both audited",
    "acquisition.Row": "is staging; what came of it is in leads and customers",
    "acquisition.Hint": "is gone when its list is checked",
    "segments.Member": "is made anew with each count",
    "capture.Hit": "is a buffer, emptied within seconds",
    "capture.Visitor": "is deleted when forgotten, wholly",
    "capture.Visit": "is deleted when forgotten, wholly",
    "capture.View": "is deleted when forgotten, wholly",
    "capture.Enquiry": "is staging; what came of it is in leads",
    "linkage.Run": "is a job; what came of it is in pairs",
    "campaigns.Target": "is a queue; what came of it is in calls and follow-ups",
    "teamwork.TermsVersion": "is never changed; a new version is added",
    "teamwork.Dealing": "is a ledger",
    "teamwork.LookUp": "is a ledger",
    "learning.Learned": "is a ledger",
    "learning.Match": "is a ledger",
    "learning.Suggestion": "is a ledger",
    "teamwork.ClashStep": "is a ledger",
    "teamwork.Sale": "is a ledger; only a merge moves it",
    "teamwork.Refund": "is a ledger",
    "teamwork.Credit": "is a ledger",
    "teamwork.HandoverItem": "is a queue; what came of it is in the owners' ledger",
    "followups.PoolReminder": "is made anew each night",
    "webhooks.Delivery": "is a queue with its own record of attempts",
}


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m._meta.label)
def test_every_table_keeps_its_history_or_says_why_not(model: type[Model]) -> None:
    if model._meta.auto_created:
        return
    tracked = {getattr(m, "pgh_tracked_model", None) for m in apps.get_models()}
    assert (model in tracked) != (model._meta.label in UNTRACKED), model._meta.label


def _patterns(resolver: URLResolver, prefix: str = "") -> list[tuple[str, URLPattern]]:
    found: list[tuple[str, URLPattern]] = []
    for entry in resolver.url_patterns:
        route = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            found += _patterns(entry, route)
        else:
            found.append((route, entry))
    return found


# Open to people who have not signed in, or guarded in another way.
PUBLIC = re.compile(r"^\^?(|healthz|readyz|metrics|account/.*|kit/|demo-shop/|api/.*|static/.*)$")


@pytest.mark.parametrize(("route", "pattern"), _patterns(get_resolver()), ids=lambda v: str(v))
def test_every_page_names_the_right_it_needs(route: str, pattern: URLPattern) -> None:
    if not PUBLIC.match(route):
        assert hasattr(pattern.callback, "act"), route


def test_a_cancellation_is_never_swallowed() -> None:
    """`asyncio.wait_for` loses a cancellation that races with a result on Python 3.11."""
    me = Path(__file__)
    for path in [*PACKAGE.rglob("*.py"), *ROOT.glob("tests/**/*.py")]:
        if path != me and "asyncio.wait_for(" in path.read_text(encoding="utf-8"):
            pytest.fail(f"{path}: use asyncio.timeout")


# Who owns a customer is written in one file. The demo invents its past, and a merge puts rows back.
DOOR = PACKAGE / "customers" / "actions" / "owners.py"
INVENTS = {PACKAGE / "config" / "demo" / "actions.py"}
OWNS = re.compile(
    r"\b(?:customer|kept|into|duplicate)\.(?:owner|owner_id|owned_since)\b[^=\n(]*(?<![=!<>])=(?!=)"
    r"|\.update\([^)]*\b(?:owner|owner_id|owned_since)\s*="
    r"|Customer\([^)]*\bowner(?:_id)?\s*="
    r"|(?i:\bUPDATE customers_customer\b[^;]*\bowned_since\s*=)"
)
OWNS_SQL = re.compile(r"(?i:\bUPDATE\s+customers_customer\b[^;]*\b(?:owner_id|owned_since)\s*=)")


def test_owners_change_through_one_door() -> None:
    door = [DOOR, PACKAGE / "customers" / "sql" / "move_owners.sql", *INVENTS]
    files = [*_product_files(), *PACKAGE.rglob("sql/*.sql")]
    found = [
        f"{path.relative_to(PACKAGE)}: {hit[0]}"
        for path in files
        if path not in door
        for hit in (OWNS_SQL if path.suffix == ".sql" else OWNS).finditer(
            path.read_text(encoding="utf-8")
        )
    ]
    assert found == []
    assert OWNS.search(DOOR.read_text(encoding="utf-8"))
