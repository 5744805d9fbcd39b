"""The house's own test rules, each shown to bite."""

from __future__ import annotations

import os

import pytest
from django.http import HttpRequest, HttpResponse
from django.template import Context, Engine, Origin, Template
from django.test import Client, override_settings
from django.urls import path

from furrow.config.places import PACKAGE


def render(source: str, *, place: str, **values: object) -> str:
    template = Template(source, origin=Origin(place), engine=Engine(builtins=[]))
    return template.render(Context(values))


OURS = str(PACKAGE / "desk" / "templates" / "desk.html")
THEIRS = "/elsewhere/site-packages/allauth/templates/login.html"


@pytest.mark.parametrize("source", ["{{ nmae }}", "{{ nmae|default:'?' }}", "{{ person.nmae }}"])
def test_an_unknown_variable_in_our_template_fails(source: str) -> None:
    with pytest.raises(pytest.fail.Exception, match="nmae"):
        render(source, place=OURS, person="x")


@pytest.mark.parametrize("source", ["{% if nmae %}x{% endif %}", "{{ name }}"])
def test_asking_whether_a_variable_is_there_is_allowed(source: str) -> None:
    render(source, place=OURS, name="x")


def test_templates_of_libraries_render_as_always() -> None:
    assert render("{{ nmae|default:'?' }}", place=THEIRS) == "?"


def form(request: HttpRequest) -> HttpResponse:
    token = "csrfmiddlewaretoken" if "safe" in request.GET else ""
    return HttpResponse(f'<form method="post" action="/x"><input name="{token}"></form>')


urlpatterns = [path("form/", form)]


@override_settings(ROOT_URLCONF=__name__, MIDDLEWARE=[])
def test_a_posted_form_without_its_token_fails() -> None:
    assert Client().get("/form/?safe=1").status_code == 200
    with pytest.raises(pytest.fail.Exception, match="CSRF"):
        Client().get("/form/")


def test_the_database_is_ours_alone() -> None:
    assert "furrow" in os.environ["DATABASE_URL"]
