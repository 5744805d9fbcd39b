"""What looking for duplicates leaves behind."""

from datetime import datetime

from django.db import transaction

from furrow.audit.actions import record
from furrow.audit.models import Event
from furrow.organisation.models import User

from .rules import LOOKUP_WINDOW, check_lookups


@transaction.atomic
def note_lookup(*, found: int, hidden: int, by: User, at: datetime) -> None:
    """Write down that somebody asked whom the company knows: how many were found, and how many
    of them the asker may not see. Raises TooManyLookups."""
    recent = Event.objects.filter(
        who=by.username, what="duplicates.looked_up", at__gte=at - LOOKUP_WINDOW
    )
    check_lookups(recent.count())
    record("duplicates.looked_up", of=by, by=by.username, at=at, found=found, hidden=hidden)
