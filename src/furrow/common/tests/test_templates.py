import re
from pathlib import Path

import pytest
from django import forms
from django.template import engines
from django.template.loader import render_to_string

PACKAGE = Path(__file__).resolve().parents[2]
REPOSITORY = PACKAGE.parents[1]
TEMPLATES = sorted(PACKAGE.glob("*/templates/**/*.html"))
ICONS = REPOSITORY / "frontend" / "icons.txt"


def name_of(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


@pytest.mark.skipif(not ICONS.exists(), reason="only a checkout holds frontend/")
def test_every_icon_named_in_a_template_is_built() -> None:
    built = set(ICONS.read_text().split())
    named = {
        (found, name_of(path))
        for path in [*TEMPLATES, *PACKAGE.glob("config/navigation.py")]
        for found in re.findall(r'{% icon "([\w-]+)"', path.read_text())
        + re.findall(r'Place\([^"]*"[^"]*"\), "[^"]*", "([\w-]+)"', path.read_text())
    }
    assert {icon for icon in named if icon[0] not in built} == set()


@pytest.mark.parametrize("path", TEMPLATES, ids=name_of)
def test_templates_keep_the_content_security_policy(path: Path) -> None:
    source = path.read_text()

    assert not re.search(r"<[^>]*\sstyle=", source), "a style attribute; use a class"
    assert not re.search(r"<[^>]*\son\w+=", source), "an inline handler; use data-… or hx-…"
    assert "<style" not in source
    for tag in re.findall(r"<script\b[^>]*>", source):
        assert "src=" in tag or 'type="application/json"' in tag, f"an inline script: {tag}"


@pytest.mark.parametrize("name", ["400", "403", "404", "500", "429", "403_csrf"])
def test_error_pages_need_nothing(name: str) -> None:
    page = render_to_string(f"{name}.html")

    assert "<h1>" in page
    assert 'href="/"' in page


class Example(forms.Form):
    name = forms.CharField(label="Name", help_text="As people say it.")
    size = forms.ChoiceField(label="Size", choices=[("s", "Small")])
    is_open = forms.BooleanField(label="Open", required=False)
    ref = forms.CharField(widget=forms.HiddenInput, required=False)


def show(form: forms.Form, name: str) -> str:
    template = engines["django"].from_string("{% load furrow %}{% field bound %}")
    return template.render({"bound": form[name]})


def test_a_field_shows_label_help_and_errors() -> None:
    shown = show(Example(data={}), "name")

    assert '<label for="id_name">Name' in shown
    assert 'class="form-control"' in shown
    assert 'aria-invalid="true"' in shown
    assert 'id="id_name_error"' in shown
    assert 'id="id_name_helptext"' in shown


@pytest.mark.parametrize(
    ("name", "css"), [("size", "form-select"), ("is_open", "form-check-input")]
)
def test_a_field_is_dressed_by_its_kind(name: str, css: str) -> None:
    assert f'class="{css}"' in show(Example(), name)


def test_a_hidden_field_is_only_itself() -> None:
    assert "label" not in show(Example(), "ref")
