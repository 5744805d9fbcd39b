import json
from datetime import datetime
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Model

from furrow.common.context import current_request_id

from .models import Event, subject_of


def record(what: str, *, of: Model, by: str, at: datetime, **details: Any) -> None:
    """Write one audit event in the caller's transaction.

    what     "thing.done", past tense: "customer.claimed"
    of       the row it happened to
    by       username of who did it; machines act as "system"
    at       when, aware
    details  JSON-able facts; ids, codes and counts, never a phone number
    """
    Event.objects.create(
        what=what,
        subject=subject_of(of),
        who=by,
        at=at,
        request_id=current_request_id.get(),
        details=json.loads(json.dumps(details, cls=DjangoJSONEncoder)),
    )
