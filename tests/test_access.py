"""Every page and endpoint, for every role: allowed or refused as the role table says."""

import json
import re
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from furrow.config.api import api
from furrow.organisation.actions import create_token
from furrow.organisation.models import User
from furrow.organisation.rules import Act, Role, Scope, scope_of
from furrow.organisation.tests.make import NOON, make_user

pytestmark = pytest.mark.django_db

# Arguments that name nothing: somebody allowed gets a 404 or a 400, somebody not allowed a 403
# before anything is looked up.
NOBODY = 2**31 - 1


def _pages(resolver: URLResolver) -> list[URLPattern]:
    found: list[URLPattern] = []
    for entry in resolver.url_patterns:
        if isinstance(entry, URLResolver):
            found += _pages(entry)
        elif hasattr(entry.callback, "act") and entry.name:
            found.append(entry)
    return found


PAGES = [page for page in _pages(get_resolver()) if page.name != "events"]  # needs ASGI


def _arguments(page: URLPattern) -> dict[str, Any]:
    if page.pattern.converters:
        return {
            name: NOBODY if type(converter).__name__ == "IntConverter" else "x"
            for name, converter in page.pattern.converters.items()
        }
    groups = re.findall(r"\(\?P<(\w+)>([^)]+)\)", str(page.pattern))
    return {name: NOBODY if r"\d" in shape else shape.split("|")[0] for name, shape in groups}


@pytest.fixture(params=list(Role), ids=str)
def user(request: pytest.FixtureRequest) -> User:
    return make_user(role=request.param)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_is_open_to_the_roles_of_the_table_and_to_no_other(
    client: Client, user: User, page: URLPattern
) -> None:
    client.force_login(user)
    address = reverse(page.name, kwargs=_arguments(page))  # type: ignore[arg-type]

    answers = [client.get(address), client.post(address)]

    act: Act = page.callback.act  # type: ignore[attr-defined]
    statuses = {answer.status_code for answer in answers}
    if scope_of(user.role, act) is Scope.NONE:
        assert statuses == {403}
    else:
        assert 403 not in statuses
        assert max(statuses) < 500


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_nobody_gets_in_without_signing_in(client: Client, page: URLPattern) -> None:
    address = reverse(page.name, kwargs=_arguments(page))  # type: ignore[arg-type]

    for answer in (client.get(address), client.post(address)):
        assert answer.status_code == 302
        assert answer.headers["Location"].startswith(reverse("account_login"))


SCHEMA: dict[str, Any] = api.get_openapi_schema()
ENDPOINTS = [
    (method, path, operation)
    for path, methods in SCHEMA["paths"].items()
    for method, operation in methods.items()
]


def _least(schema: dict[str, Any]) -> Any:
    """The smallest value that fits a JSON schema, so that a refusal is not about the body."""
    if "$ref" in schema:
        return _least(SCHEMA["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]])
    if "enum" in schema:
        return schema["enum"][0]
    match schema.get("type"):
        case "object":
            wanted = schema.get("required", [])
            return {name: _least(schema["properties"][name]) for name in wanted}
        case "array":
            return [_least(schema["items"])] * schema.get("minItems", 0)
        case "integer":
            return max(schema.get("minimum", 0), 1)
        case "boolean":
            return False
    return "+8615412345678"[: schema.get("maxLength", 20)]


def _call(client: Client, method: str, path: str, **headers: Any) -> int:
    body = SCHEMA["paths"][path][method].get("requestBody", {}).get("content", {})
    given = _least(body["application/json"]["schema"]) if body else {}
    address = re.sub(r"{\w+}", str(NOBODY), path)
    answer = client.generic(
        method.upper(),
        address,
        json.dumps(given),
        content_type="application/json",
        headers=headers,
    )
    return answer.status_code


def _act_of(method: str, path: str) -> Act:
    """The right the endpoint's function names."""
    for prefix, router in api._routers:
        for view_path, view in router.path_operations.items():
            for operation in view.operations:
                full = "/api/v1" + prefix + view_path.replace("{int:", "{")
                if full.rstrip("/") == path.rstrip("/") and method.upper() in operation.methods:
                    return operation.view_func.act  # type: ignore[attr-defined, no-any-return]
    raise AssertionError(f"{method} {path} names no right")


@pytest.mark.parametrize(
    ("method", "path"), [(m, p) for m, p, _ in ENDPOINTS], ids=lambda value: str(value)
)
def test_an_endpoint_is_open_to_the_roles_of_the_table_and_to_no_other(
    client: Client, user: User, method: str, path: str
) -> None:
    _token, secret = create_token(name="test", user=user, by=user, at=NOON)

    status = _call(client, method, path, Authorization=f"Bearer {secret}")

    act = _act_of(method, path)
    if user.can(Act.USE_API) and user.can(act):
        assert status not in {401, 403}
        assert status < 500
    else:
        assert status == 403


@pytest.mark.parametrize(
    ("method", "path"), [(m, p) for m, p, _ in ENDPOINTS], ids=lambda value: str(value)
)
def test_an_endpoint_is_closed_without_a_living_key(client: Client, method: str, path: str) -> None:
    assert _call(client, method, path) == 401
    assert _call(client, method, path, Authorization="Bearer furrow_" + "x" * 43) == 401
