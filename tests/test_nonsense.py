"""Whatever stands in an address or a form, the answer is never a server error."""

import pytest
from django.test import Client

from furrow.organisation.rules import Role
from furrow.organisation.tests.make import make_user
from furrow.permits.tests.make import make_callable

pytestmark = pytest.mark.django_db

NONSENSE = [
    "\x00", "0001-01-01", "9999-12-31", "9" * 40, "-1", "%00", "' OR 1=1", "2026-13-99", "0-0",
    "٣", f"{'9' * 17}-{'9' * 18}",
]  # fmt: skip
READ = {
    "/people/": ["q", "team", "role", "show"],
    "/audit/": ["who", "what", "subject", "since", "until", "after"],
    "/compliance/suppressions/": ["show", "kind", "after"],
    "/compliance/policy/add/": ["region"],
    "/customers/": [
        "owner",
        "team",
        "kind",
        "city",
        "category",
        "untouched",
        "stage",
        "cp",
        "source",
        "sort",
        "after",
        "before",
    ],
    "/customers/filters/": ["owner", "stage", "cp", "sort"],
    "/reports/day/": ["on", "team"],
    "/followups/": ["within", "all"],
}
WRITTEN = {
    "/compliance/suppressions/search/": ["number"],
    "/compliance/suppressions/add/": ["number", "kind", "reason", "until"],
    "/compliance/policy/CN/": ["windows-TOTAL_FORMS", "number_caps-0-most", "from_at"],
    "/compliance/policy/CN/calendar/2026/": ["on", "kind", "name"],
    "/people/new/": ["username", "display_name", "role", "team", "password"],
    "/me/": ["language", "theme"],
    "/me/language/": ["language", "next"],
    "/integrations/webhooks/new/": ["url", "wants"],
    "/integrations/keys/new/": ["name", "user"],
}


@pytest.fixture
def admin(client: Client) -> Client:
    client.force_login(make_user(role=Role.ADMINISTRATOR))
    return client


@pytest.mark.parametrize("nonsense", NONSENSE)
def test_nonsense_in_an_address(admin: Client, nonsense: str) -> None:
    number, _ = make_callable()
    for url, names in {**READ, f"/permits/panel/{number.customer_id}/": ["number"]}.items():
        for name in names:
            assert admin.get(url, {name: nonsense}).status_code < 500, (url, name)


@pytest.mark.parametrize("nonsense", NONSENSE)
def test_nonsense_in_a_form(admin: Client, nonsense: str) -> None:
    for url, names in WRITTEN.items():
        assert admin.post(url, dict.fromkeys(names, nonsense)).status_code < 500, url


@pytest.mark.parametrize(
    "url",
    [
        "/compliance/policy/*/",
        "/compliance/policy/cn/",
        f"/compliance/policy/{'X' * 50}/",
        "/compliance/policy/CN/calendar/99999999999999/",
        "/compliance/policy/CN/calendar/999999/fill/",
        "/compliance/policy/*/calendar/2026/fill/",
        "/compliance/policy/ZZ/calendar/2026/fill/",
        "/people/99999999999999999999999/",
        "/compliance/suppressions/99999999999999999999999/lift/",
        "/integrations/webhooks/99999999999999999999999/",
    ],
)
def test_places_that_are_not_there(admin: Client, url: str) -> None:
    assert admin.get(url).status_code < 500
    assert admin.post(url).status_code < 500
