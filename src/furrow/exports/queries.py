"""Answers about exports."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from django.conf import settings
from django.db.models import Sum
from django.utils.translation import gettext as _

from furrow.organisation.models import User
from furrow.organisation.rights import Limit
from furrow.organisation.rules import Act

from .models import Export, Taking
from .rules import ExportState, find_marks


def taken_on(user: User, on: date) -> int:
    """Rows somebody took away on a day of the company."""
    total = Taking.objects.filter(user=user, on=on).aggregate(total=Sum("rows"))["total"]
    return total or 0


@dataclass(frozen=True)
class Told:
    """An export as its page and the list show it."""

    export: Export
    what: str
    columns: str
    can_decide: bool
    can_download: bool


def told(export: Export, *, user: User) -> Told:
    kind = export.declared
    labels = {column.name: str(column.label) for column in kind.columns}
    return Told(
        export=export,
        what=kind.describe(user, export.what),
        columns=", ".join(labels.get(name, name) for name in export.columns),
        can_decide=(
            export.state == ExportState.ASKED
            and user.can(Act.APPROVE_EXPORTS)
            and export.asked_by_id != user.pk
        ),
        can_download=export.state == ExportState.READY and export.asked_by_id == user.pk,
    )


def file_of(export: Export) -> Path:
    return Path(settings.MEDIA_ROOT) / export.file_path


def quota_of(user: User, *, on: date) -> str:
    """How much of the day's rows somebody has used, in a sentence."""
    return _("%(taken)s of %(limit)s rows taken today.") % {
        "taken": f"{taken_on(user, on):,}", "limit": f"{user.limit(Limit.EXPORT_ROWS):,}"
    }  # fmt: skip


def trace(text: str) -> list[Export]:
    """The exports whose marks stand in a text, hidden or seen, the newest first."""
    marked = Export.objects.filter(mark__in=find_marks(text))
    return list(marked.select_related("asked_by", "decided_by").order_by("-asked_at", "-id"))
