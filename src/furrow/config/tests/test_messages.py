"""Translations: what the code says, what the parts answer, what Django then shows."""

from __future__ import annotations

import gettext
from pathlib import Path

import pytest

from furrow.config.messages import (
    Text,
    check,
    compile_catalogue,
    merge,
    texts_of_python,
    texts_of_template,
)

HEADER = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n\n'


def make_package(folder: Path, *, code: str = "", template: str = "", **parts: str) -> Path:
    """A package with one module, one template, and the given `.po` parts."""
    (folder / "templates").mkdir(parents=True)
    (folder / "locale" / "parts").mkdir(parents=True)
    (folder / "module.py").write_text(code)
    (folder / "templates" / "page.html").write_text(template)
    for name, text in parts.items():
        (folder / "locale" / "parts" / f"{name}.po").write_text(HEADER + text)
    return folder


def test_python_texts_with_context_and_plural() -> None:
    source = """
_("Call" " now")
gettext_lazy("Late")
translation.ngettext("%d call", "%d calls", n)
pgettext("a person", "Lead")
_(computed)
"""
    assert set(texts_of_python(source)) == {
        Text("Call now"),
        Text("Late"),
        Text("%d call", plural="%d calls"),
        Text("Lead", context="a person"),
    }


def test_template_texts_as_django_looks_them_up() -> None:
    source = """{% load i18n %}{% translate "It's 100% sure" %}
{% blocktranslate trimmed with name=person.name count n=calls %}
   {{ name }} made one call
{% plural %}
   {{ name }} made {{ n }} calls
{% endblocktranslate %}
{% translate "Lead" context "a person" %} <a title="{{ _('Open') }}">
"""
    assert set(texts_of_template(source, "page.html")) == {
        Text("It's 100%% sure"),
        Text("%(name)s made one call", plural="%(name)s made %(n)s calls"),
        Text("Lead", context="a person"),
        Text("Open"),
    }


def test_complete_translations_have_no_problem(tmp_path: Path) -> None:
    package = make_package(
        tmp_path,
        code='_("Call")',
        template='{% load i18n %}{% translate "Save" %}',
        calls='msgid "Call"\nmsgstr "呼叫"\n\nmsgid "Save"\nmsgstr "保存"\n',
        desk='msgid "Save"\nmsgstr "保存"\n',
        libraries='msgid "Sign In"\nmsgstr "登录"\n',
    )
    assert check(package) == []


@pytest.mark.parametrize(
    ("part", "problem"),
    [
        ("", "no Chinese translation"),
        ('msgid "Call %(name)s"\nmsgstr ""\n', "is not translated"),
        ('msgid "Call %(name)s"\nmsgstr "呼叫%(nmae)s"\n', "fills other holes"),
        (
            'msgid "Call %(name)s"\nmsgstr "呼叫%(name)s"\n\nmsgid "Gone"\nmsgstr "没了"\n',
            "nothing says it",
        ),
    ],
)
def test_each_kind_of_mistake_is_named(tmp_path: Path, part: str, problem: str) -> None:
    package = make_package(tmp_path, code='_("Call %(name)s")', calls=part)
    assert any(problem in said for said in check(package))


def test_two_parts_must_agree(tmp_path: Path) -> None:
    package = make_package(
        tmp_path, a='msgid "Lead"\nmsgstr "商机"\n', b='msgid "Lead"\nmsgstr "线索"\n'
    )
    assert any(
        "商机" in said and "线索" in said for said in merge(package / "locale/parts").problems
    )


def test_the_compiled_catalogue_speaks_and_is_made_once(tmp_path: Path) -> None:
    package = make_package(
        tmp_path,
        calls='msgid "%d call"\nmsgid_plural "%d calls"\nmsgstr[0] "%d 通电话"\n\n'
        'msgctxt "a person"\nmsgid "Lead"\nmsgstr "商机"\n',
    )
    target = tmp_path / "django.mo"
    assert compile_catalogue(package / "locale/parts", target) is True
    assert compile_catalogue(package / "locale/parts", target) is False

    with target.open("rb") as file:
        chinese = gettext.GNUTranslations(file)
    assert chinese.ngettext("%d call", "%d calls", 3) == "%d 通电话"
    assert chinese.pgettext("a person", "Lead") == "商机"
