"""What a stage begins with that higher capabilities keep: its script, its set of results.

They declare it from `apps.py`; the settings page of the stages offers the choices, and whoever
declared one reads its id from the rules (`StageRules.script`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.utils.functional import Promise


@dataclass(frozen=True)
class Part:
    name: str
    label: str | Promise
    choices: Callable[[], Sequence[tuple[str, str]]]


_parts: dict[str, Part] = {}


def declare_part(
    name: str, label: str | Promise, *, choices: Callable[[], Sequence[tuple[str, str]]]
) -> None:
    """name  a field of StageRules: "script" or "dispositions"; choices are ids and names"""
    _parts[name] = Part(name, label, choices)


def part_choices(name: str) -> Sequence[tuple[str, str]]:
    return _parts[name].choices() if name in _parts else []
