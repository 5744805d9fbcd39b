"""Pages of docs/reference/ that are drawn from the code, so that they cannot lie."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Mapping

from django.utils import translation

from furrow.calls.rules import reference as call_states
from furrow.config.api import api
from furrow.config.cli import COMMANDS
from furrow.config.places import PACKAGE, REPOSITORY
from furrow.organisation.rules import GRANTS, Act, Role, Scope

FOLDER = REPOSITORY / "docs" / "reference"


def commands() -> str:
    """Every `furrow` command, from the command's own table."""
    lines = ["# Commands", "", "Drawn from `config/cli.py`; do not edit by hand.", ""]
    lines += ["`furrow <command> --help` says more.", ""]
    for title, group in COMMANDS.items():
        lines += [f"## {title}", "", "| Command | What it does |", "|---|---|"]
        lines += [f"| `furrow {name}` | {command.summary} |" for name, command in group.items()]
        lines.append("")
    return "\n".join(lines)


def roles() -> str:
    """Who may do what, how far."""
    reach = {Scope.NONE: "", Scope.OWN: "own", Scope.TEAM: "team",
             Scope.SUBTREE: "subtree", Scope.ALL: "all"}  # fmt: skip
    lines = ["# Roles", "", "Drawn from `organisation/rules.py`; do not edit by hand.", ""]
    lines += [
        "How far a right reaches: one's own; the team's; the team's and those of the teams below"
    ]
    lines += ["it (subtree); or all the company's.", ""]
    with translation.override("en"):
        lines.append("| | " + " | ".join(str(role.label) for role in Role) + " |")
        lines.append("|---|" + "---|" * len(Role))
        for act in Act:
            cells = " | ".join(reach[GRANTS[role][act]] for role in Role)
            lines.append(f"| {act.label} (`{act}`) | {cells} |")
    return "\n".join(lines) + "\n"


def shelf() -> str:
    """The capabilities from top to bottom, with each README's title."""
    contracts = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["importlinter"]
    layers = contracts["contracts"][0]["layers"]
    lines = ["# The shelf", "", "Drawn from `pyproject.toml`; do not edit by hand.", ""]
    lines += ["A capability imports only what stands below it.", "", "| | |", "|---|---|"]
    for layer in layers:
        for name in layer.split(" | "):
            lines.append(f"| {_linked(name)} | {_title(name)} |")
    return "\n".join(lines) + "\n"


def _linked(name: str) -> str:
    if not (PACKAGE / name / "README.md").exists():
        return f"`{name.strip('()')}`"
    return f"[`{name}`](../../src/furrow/{name}/README.md)"


def _title(name: str) -> str:
    if name.startswith("("):
        return "*a place kept*"
    readme = PACKAGE / name / "README.md"
    if not readme.exists():
        return ""
    return readme.read_text().splitlines()[0].partition(":")[2].strip()


def openapi() -> str:
    """The published contract of the API."""
    with translation.override("en"):
        return json.dumps(api.get_openapi_schema(), indent=1, ensure_ascii=False) + "\n"


PAGES: Mapping[str, Callable[[], str]] = {
    "call-states.md": call_states,
    "commands.md": commands,
    "openapi.json": openapi,
    "roles.md": roles,
    "shelf.md": shelf,
}


def draw() -> None:
    """Write every page anew."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, page in PAGES.items():
        (FOLDER / name).write_text(page(), encoding="utf-8")


def stale() -> list[str]:
    """The pages that differ from what the code says now."""
    return [
        name
        for name, page in PAGES.items()
        if not (FOLDER / name).exists() or (FOLDER / name).read_text(encoding="utf-8") != page()
    ]
