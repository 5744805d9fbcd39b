"""Sites, hits and enquiries for tests: valid by default."""

from datetime import datetime, timedelta
from itertools import count
from typing import Any

from django.utils import timezone

from furrow.acquisition.models import Source
from furrow.acquisition.tests.make import make_source
from furrow.capture import actions
from furrow.capture.models import Enquiry, Hit, Site
from furrow.organisation.actions import system_user

_next = count(1)
GIVEN = {"name": "林晓", "phone": "13800138000", "words": "I agree to be called"}


def make_site(*, source: Source | None = None, name: str = "", hosts: str = "shop.test") -> Site:
    return actions.save_site(
        name=name or f"Shop {next(_next)}",
        hosts=hosts,
        source=source or make_source(),
        by=system_user(),
        at=timezone.now(),
    )


def key() -> str:
    return f"{next(_next):024x}"


def make_hit(
    *,
    site: Site,
    at: datetime,
    visitor: str = "a" * 24,
    kind: str = "view",
    view: str = "",
    page: str = "/",
    seconds: int = 0,
    given: dict[str, Any] | None = None,
) -> Hit:
    return Hit.objects.create(
        site=site, at=at, visitor=visitor, kind=kind, key=view or key(), page=page,
        seconds=seconds, given=given,
    )  # fmt: skip


def make_enquiry(*, site: Site, at: datetime, asked: bool = False, **given: str) -> Enquiry:
    """A number left in the browser `a…`, digested."""
    make_hit(site=site, at=at, kind="form", given={**GIVEN, **given, "asked": asked})
    actions.digest_hits(at=at)
    return Enquiry.objects.latest("pk")


def stay(site: Site, at: datetime, seconds: int, *, page: str = "/course") -> None:
    """One page, looked at for so long."""
    view = key()
    make_hit(site=site, at=at, view=view, page=page)
    make_hit(
        site=site, at=at + timedelta(seconds=seconds), kind="stay", view=view, page=page,
        seconds=seconds,
    )  # fmt: skip
    actions.digest_hits(at=at)
