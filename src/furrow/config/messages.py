"""The Chinese catalogue: merged from one file per capability, checked, compiled.

Each capability keeps its own `locale/parts/<capability>.po`, so that two people never edit one
file. `libraries.po` may also translate what libraries say. English is in the code; only what the
parts say is compiled, to `locale/zh_Hans/LC_MESSAGES/django.mo`, without GNU gettext.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polib

from furrow.config.places import PACKAGE

LOCALE = PACKAGE / "locale"
PARTS = LOCALE / "parts"
COMPILED = LOCALE / "zh_Hans" / "LC_MESSAGES" / "django.mo"
MAY_SAY_MORE = "libraries.po"  # texts that are not in our code

# Which arguments of a call are texts: (context, singular, plural), by position.
CALLS: dict[str, tuple[int | None, int, int | None]] = {
    "_": (None, 0, None),
    "_t": (None, 0, None),  # gettext, in modules where "_" is gettext_lazy
    "gettext": (None, 0, None),
    "gettext_lazy": (None, 0, None),
    "gettext_noop": (None, 0, None),
    "ngettext": (None, 0, 1),
    "ngettext_lazy": (None, 0, 1),
    "pgettext": (0, 1, None),
    "pgettext_lazy": (0, 1, None),
    "npgettext": (0, 1, 2),
    "npgettext_lazy": (0, 1, 2),
}
TEXT = r"u?(?:'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\")"
CALL = re.compile(rf"\b({'|'.join(CALLS)})\(\s*({TEXT}(?:\s*,\s*{TEXT})*)")
HOLE = re.compile(r"%(?:\(\w+\))?[sdif%]|\{\w*\}")


@dataclass(frozen=True, order=True)
class Text:
    """Something said to people, as the code says it."""

    msgid: str
    context: str = ""
    plural: str = ""


@dataclass
class Catalogue:
    """The merged translations, and what is wrong with them, in sentences."""

    entries: dict[Text, polib.POEntry] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def texts_of_python(source: str) -> Iterator[Text]:
    """The texts of a module that are marked for translation."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        said = [arg.value if isinstance(arg, ast.Constant) else None for arg in node.args]
        if name in CALLS:
            yield from _text(name, said)


def texts_of_template(source: str, origin: str) -> Iterator[Text]:
    """The texts of a template, as Django itself will look them up (trimmed, with %(name)s)."""
    from django.utils.translation.template import templatize

    for name, arguments in CALL.findall(templatize(source, origin=origin)):
        yield from _text(name, list(ast.literal_eval(f"({arguments},)")))


def _text(name: str, said: Sequence[object]) -> Iterator[Text]:
    context, singular, plural = (
        None if position is None else said[position] if position < len(said) else None
        for position in CALLS[name]
    )
    if isinstance(singular, str):
        yield Text(
            singular,
            context if isinstance(context, str) else "",
            plural if isinstance(plural, str) else "",
        )


def texts_in_use(package: Path = PACKAGE) -> dict[Text, str]:
    """Every text of the package and the file that says it first."""
    found: dict[Text, str] = {}
    for path in sorted([*package.rglob("*.py"), *package.rglob("templates/**/*.*")]):
        inside = path.relative_to(package)
        if {"tests", "migrations", "node_modules", "static"} & set(inside.parts):
            continue
        source = path.read_text(encoding="utf-8")
        is_python = path.suffix == ".py"
        texts = texts_of_python(source) if is_python else texts_of_template(source, str(inside))
        for text in texts:
            found.setdefault(text, str(inside))
    return found


def merge(parts: Path = PARTS) -> Catalogue:
    """All parts in one. A text may be in several parts if they translate it alike."""
    merged = Catalogue()
    said_in: dict[Text, str] = {}
    for path in sorted(parts.glob("*.po")):
        try:
            part = polib.pofile(str(path), encoding="utf-8")
        except OSError as broken:
            merged.problems.append(f"{path.name}: {broken}")
            continue
        for entry in part:
            text = Text(entry.msgid, entry.msgctxt or "", entry.msgid_plural or "")
            chinese = entry.msgstr or (entry.msgstr_plural or {}).get(0, "")
            known = merged.entries.get(text)
            if entry.obsolete:
                continue
            if not chinese or entry.fuzzy:
                merged.problems.append(f"{path.name}: {text.msgid!r} is not translated.")
            elif _holes(chinese) - _holes(text.msgid, text.plural):
                merged.problems.append(
                    f"{path.name}: the translation of {text.msgid!r} fills other holes: {chinese!r}"
                )
            elif known is None:
                merged.entries[text] = _as_compiled(text, chinese)
                said_in[text] = path.name
            elif _as_compiled(text, chinese) != known:
                merged.problems.append(
                    f"{text.msgid!r} is {known.msgstr or known.msgstr_plural[0]!r} in "
                    f"{said_in[text]} but {chinese!r} in {path.name}: agree, or use pgettext."
                )
    return merged


def _holes(*texts: str) -> set[str]:
    return {hole for text in texts for hole in HOLE.findall(text)} - {"%%"}


def _as_compiled(text: Text, chinese: str) -> polib.POEntry:
    context = text.context or None
    if text.plural:  # Chinese has one form for every number
        return polib.POEntry(
            msgid=text.msgid,
            msgid_plural=text.plural,
            msgstr_plural={0: chinese},
            msgctxt=context,
        )
    return polib.POEntry(msgid=text.msgid, msgstr=chinese, msgctxt=context)


def check(package: Path = PACKAGE) -> list[str]:
    """What is wrong with the translations, in sentences; empty when complete.

    Every text in use has a Chinese translation, and every translation is of a text in use.
    """
    catalogue = merge(package / "locale" / "parts")
    used = texts_in_use(package)
    said = {(text.msgid, text.context) for text in catalogue.entries}
    missing = [
        f"{where}: {text.msgid!r} has no Chinese translation."
        for text, where in used.items()
        if (text.msgid, text.context) not in said
    ]
    libraries = package / "locale" / "parts" / MAY_SAY_MORE
    more = {entry.msgid for entry in polib.pofile(str(libraries))} if libraries.exists() else set()
    in_use = {(text.msgid, text.context) for text in used}
    unused = [
        f"{text.msgid!r} is translated, but nothing says it."
        for text in catalogue.entries
        if (text.msgid, text.context) not in in_use and text.msgid not in more
    ]
    return catalogue.problems + missing + unused


def compile_catalogue(parts: Path = PARTS, target: Path = COMPILED) -> bool:
    """Write the compiled catalogue if a part is newer. False if there was nothing to do.

    Problems do not stop it: a text without a translation shows in English; `check` names it.
    """
    sources = [parts, *parts.glob("*.po"), Path(__file__)]
    newest = max((path.stat().st_mtime for path in sources if path.exists()), default=0)
    if target.exists() and target.stat().st_mtime >= newest:
        return False
    catalogue = polib.POFile()
    catalogue.metadata = {
        "Language": "zh_Hans",
        "Content-Type": "text/plain; charset=UTF-8",
        "Plural-Forms": "nplurals=1; plural=0;",
    }
    catalogue.extend(merge(parts).entries.values())
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_suffix(".mo.new")
    catalogue.save_as_mofile(str(fresh))
    fresh.replace(target)
    return True
