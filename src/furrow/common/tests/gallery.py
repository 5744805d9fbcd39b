"""The URLs the browser tests of the kit use: the gallery, an act that is refused, a search."""

from collections.abc import Callable
from types import SimpleNamespace

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import include, path
from django.views.generic import TemplateView

from furrow.common.refusal import Refused


def refuse(request: HttpRequest) -> HttpResponse:
    raise Refused("Not now: it is night there.", rule="D4")


def search(request: HttpRequest) -> HttpResponse:
    hits = [
        {"url": "/kit/?hit=1", "title": "王伟芳", "icon": "user", "note": "138****8000"},
        {"url": "/kit/?hit=2", "title": "王磊", "icon": "user", "note": ""},
    ]
    return render(request, "partials/hits.html", {"groups": [{"title": "客户", "hits": hits}]})


def live(request: HttpRequest) -> HttpResponse:
    """The gallery as somebody signed in sees it, with a live connection."""
    me = SimpleNamespace(theme="auto", team="", get_role_display="Agent")
    return render(request, "kit.html", {"me": me, "events_url": "/events/"})


def page(name: str) -> Callable[[HttpRequest], HttpResponse]:
    return TemplateView.as_view(template_name=name)


urlpatterns = [
    path("kit/", page("kit.html")),
    path("kit/live/", live),
    path("kit/none", refuse),
    path("search/", search, name="search"),
    path("account/", include("allauth.urls")),
    path("", page("404.html"), name="home"),
]
