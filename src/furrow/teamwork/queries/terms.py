"""The company's terms, as they were at an instant."""

from dataclasses import fields
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from furrow.compliance.queries import days_for
from furrow.teamwork.models import TermsVersion
from furrow.teamwork.rules import Terms, after_working_days

_NAMES = {field.name for field in fields(Terms)}


def terms_at(at: datetime) -> Terms:
    """The newest terms saved by `at`; the defaults before any were."""
    saved = TermsVersion.objects.filter(at__lte=at).order_by("-at", "-pk").first()
    return Terms(**{k: v for k, v in saved.body.items() if k in _NAMES}) if saved else Terms()


def versions() -> list[TermsVersion]:
    """Newest first, with who saved them."""
    return list(TermsVersion.objects.select_related("by").order_by("-at", "-pk")[:50])


def deadline(*, at: datetime, days: int) -> datetime:
    """So many of the company's working days after `at`, at the same time of day."""
    start = timezone.localtime(at)
    calendar = days_for(
        region=settings.DEFAULT_REGION,
        since=start.date(),
        until=start.date() + timedelta(days=2 * days + 40),
    )
    return after_working_days(start, days, calendar)
