"""What every test stands on: a PostgreSQL, safe settings, strict templates, a real browser.

Loaded by name from pyproject.toml, before Django's settings are read.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import os
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from furrow.config.browser import find_chromium
from furrow.config.places import PACKAGE, schema_mark
from furrow.config.postgres import CannotRunPostgres, Cluster

# What a shell may set for its tests; other FURROW_ variables are dropped, so that the tests see
# the same settings on every machine.
KEPT = {"FURROW_CACHE", "FURROW_NO_BROWSER", "FURROW_CHROMIUM"}

FAKE_MICROPHONE = (
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    "--allow-loopback-in-peer-connection",  # a switch on this machine
)

hypothesis_settings.register_profile(
    "gate", max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.register_profile("nightly", max_examples=2000, deadline=None)

_cluster: Cluster | None = None  # the server we started, if we did
_open = contextlib.ExitStack()  # closed when pytest ends, also when it never began
atexit.register(_open.close)


# -- before Django ---------------------------------------------------------------------------------


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(args: list[str]) -> Iterator[None]:
    """Set the environment before pytest-django loads the settings."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    for name in [name for name in os.environ if name.startswith("FURROW_") and name not in KEPT]:
        del os.environ[name]
    os.environ["FURROW_SECRET_KEY"] = "only-the-tests-use-this-key-it-protects-nothing-at-all"  # noqa: S105
    os.environ["FURROW_LANGUAGE"] = "en"  # tests read the msgids; the Chinese has its own check
    hypothesis_settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "gate"))
    if not os.environ.get("DATABASE_URL") and not {"-h", "--help", "--version"} & set(args):
        try:
            os.environ["DATABASE_URL"] = _start_database()
        except CannotRunPostgres as problem:
            raise pytest.UsageError(str(problem)) from None
    return (yield)


def _start_database() -> str:
    """The URL of a database no other test run on this machine uses now."""
    global _cluster
    _cluster = _open.enter_context(Cluster("test", durable=False).in_use())
    number = 0
    while True:
        number += 1
        lock = (_cluster.folder / f"database-{number}.lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            continue
        _open.push(lock)
        return _cluster.url(f"furrow_{number}")


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
) -> Iterator[Any]:
    """Before pytest-django makes the tests' database: let it copy one that is migrated already."""
    if fixturedef.argname == "django_db_setup" and _cluster is not None:
        from django.db import connection

        connection.settings_dict["TEST"]["TEMPLATE"] = migrated_template(_cluster)
    made = yield
    if fixturedef.argname == "django_db_setup":
        with request.getfixturevalue("django_db_blocker").unblock():
            _let_tests_empty_the_trail()
    return made


def _let_tests_empty_the_trail() -> None:
    """Tests of whole transactions empty every table; the trail's own triggers refuse that. The
    tests of those triggers switch them on again."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgrelid::regclass, tgname FROM pg_trigger"
            " WHERE tgname LIKE 'pgtrigger_never_emptied_%'"
        )
        for table, trigger in cursor.fetchall():
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER {trigger}")


def migrated_template(cluster: Cluster) -> str:
    """A database with today's tables: made once for each state of the migrations, in seconds.

    Copying it takes a fifth of a second. Should migrating fail, an empty one: the error then
    appears where pytest-django migrates.
    """
    name = f"template_{schema_mark()[:12]}"
    with (cluster.folder / "template.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        databases = cluster.databases()
        if name in databases:
            return name
        for old in databases:
            if old.startswith("template_"):
                cluster.drop_database(old)
        cluster.create_database(f"{name}_new")
        migrated = subprocess.run(
            [sys.executable, "-m", "furrow.config.cli", "migrate", "--verbosity=0"],
            env={
                **os.environ,
                "DATABASE_URL": cluster.url(f"{name}_new"),
                "PYTHONPATH": str(PACKAGE.parent),
                "DJANGO_SETTINGS_MODULE": "furrow.config.settings",
            },
            capture_output=True,
            check=False,
        )
        if migrated.returncode != 0:
            return "template0"
        cluster.rename_database(f"{name}_new", name)
        return name


def pytest_unconfigure() -> None:
    _open.close()


# -- strictness: families of mistakes made impossible ----------------------------------------------


def _has_settings() -> bool:
    if "django" not in sys.modules:
        return False
    from django.conf import settings

    return bool(settings.configured)


@pytest.fixture(autouse=True, scope="session")
def _unknown_template_variables_fail() -> Iterator[None]:
    """Django prints nothing for a name it cannot find; in our own templates that is a mistake."""
    if not _has_settings():
        yield
        return
    from django.template import Variable, VariableDoesNotExist

    original = Variable.resolve

    def resolve(self: Variable, context: Any) -> Any:
        try:
            return original(self, context)
        except VariableDoesNotExist:
            template = _template_that_prints(sys._getframe(1))
            if template and template.startswith(str(PACKAGE)):
                pytest.fail(f"Unknown variable {{{{ {self.var} }}}} in {template}", pytrace=False)
            raise

    Variable.resolve = resolve  # type: ignore[method-assign]
    yield
    Variable.resolve = original  # type: ignore[method-assign]


def _template_that_prints(caller: FrameType) -> str | None:
    """The file of the template whose tag asks, or None when the tag can do without an answer."""
    frame: FrameType | None = caller
    if caller.f_code.co_name != "resolve" or caller.f_locals.get("ignore_failures", True):
        return None
    while frame is not None:
        origin = getattr(frame.f_locals.get("self"), "origin", None)
        if frame.f_code.co_name == "render_annotated" and origin is not None:
            return str(origin.name)
        frame = frame.f_back
    return None


@pytest.fixture(autouse=True, scope="session")
def _unordered_queries_come_shuffled() -> Iterator[None]:
    """A test that passes by the order PostgreSQL happens to choose passes by luck."""
    if not _has_settings():
        yield
        return
    from django.db.models import QuerySet

    original = QuerySet._fetch_all

    def fetch_all(self: QuerySet[Any]) -> None:
        is_new = self._result_cache is None
        original(self)
        is_ours = self.model.__module__.startswith("furrow.")
        if is_new and is_ours and self._result_cache and not self.ordered:
            random.shuffle(self._result_cache)

    QuerySet._fetch_all = fetch_all  # type: ignore[method-assign]
    yield
    QuerySet._fetch_all = original  # type: ignore[method-assign]


POST_FORM = re.compile(r"<form\b[^>]*\bmethod=[\"']?post\b.*?</form>", re.IGNORECASE | re.DOTALL)


@pytest.fixture(autouse=True, scope="session")
def _posted_forms_carry_a_csrf_token() -> Iterator[None]:
    """Django's test client does not check the token, so a form without one would pass."""
    if not _has_settings():
        yield
        return
    from django.test import Client

    original = Client.request

    def request(self: Client, **environ: Any) -> Any:
        response = original(self, **environ)
        if not response.streaming and "text/html" in response.get("Content-Type", ""):
            for form in POST_FORM.findall(response.content.decode(response.charset)):
                if "csrfmiddlewaretoken" not in form:
                    pytest.fail(f"A form without a CSRF token:\n{form[:300]}", pytrace=False)
        return response

    Client.request = request  # type: ignore[method-assign]
    yield
    Client.request = original  # type: ignore[method-assign]


# -- the browser -----------------------------------------------------------------------------------


def _why_no_browser() -> str | None:
    if os.environ.get("FURROW_NO_BROWSER"):
        return "FURROW_NO_BROWSER is set"
    if find_chromium() is None:
        return "no Chromium on this machine (apt-get install chromium)"
    return None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Browser tests last: Playwright keeps an event loop running in the main thread."""
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)
    reason = _why_no_browser()
    if reason is None:
        return
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.skip(reason=f"browser test: {reason}"))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    skipped = terminalreporter.stats.get("skipped", [])
    unseen = sum("browser test:" in str(report.longrepr) for report in skipped)
    if unseen:
        terminalreporter.section("BROWSER TESTS DID NOT RUN", sep="!", red=True)
        terminalreporter.line(f"{unseen} tests skipped: {_why_no_browser()}.")


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A real, headless Chromium, with a microphone that hums."""
    from playwright.sync_api import sync_playwright

    # Playwright's event loop runs in this thread, and Django would refuse the database here.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=find_chromium(), args=list(FAKE_MICROPHONE)
        )
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Any, tmp_path: Path) -> Iterator[Any]:
    """A fresh page in a fresh browser context: no cookies, in Chinese, 1440 by 900."""
    context = browser.new_context(locale="zh-CN", viewport={"width": 1440, "height": 900})
    yield context.new_page()
    context.close()
