"""What docs/reference/roles.md is made of: drawn from the table, so it cannot lie."""

from django.utils.translation import override

from .rules import GRANTS, Act, Role, Scope

_WORDS = {Scope.NONE: "–", Scope.OWN: "own", Scope.TEAM: "team", Scope.ALL: "all"}


def roles() -> str:
    """Who may do what, as Markdown, in English."""
    with override("en"):
        head = ["Right", *(str(role.label) for role in Role)]
        lines = [
            "# Roles and rights",
            "",
            "Generated from `src/furrow/organisation/rules.py`; change it there.",
            "",
            "How far each right reaches: *own* = one's own customers and work (and one's team's",
            "pool), *team* = one's team's, *all* = the company's, – = not at all.",
            "",
            "| " + " | ".join(head) + " |",
            "|" + "---|" * len(head),
        ]
        for act in Act:
            cells = [f"{act.label} (`{act}`)", *(_WORDS[GRANTS[role][act]] for role in Role)]
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"
