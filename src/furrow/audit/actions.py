import json
from datetime import datetime
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, transaction
from django.db.models import Model

from furrow.common.context import current_request_id

from .models import Event, Seal, subject_of
from .queries import leaves_of, next_batch
from .rules import FIRST, hash_of

_SEALING = 0x5EA1  # the advisory lock: one sealer at a time, and none waits


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


@transaction.atomic
def seal_events(*, at: datetime) -> Seal | None:
    """Add a link over what was committed since the last one; None if nothing was, or somebody
    else is at it. Run twice, it seals nothing twice.

    Writers never wait for it: it reads what is committed, and remembers which ids below were not
    there yet, so that an event of a long transaction is sealed when it comes.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_SEALING])
        if cursor.fetchone() != (True,):
            return None
    last = Seal.objects.order_by("-number").first()
    batch = next_batch(last, at=at)
    if batch is None:
        return None
    _ids, leaves = leaves_of(batch.ids)
    number, previous = (last.number + 1, bytes(last.hash)) if last else (1, FIRST)
    return Seal.objects.create(
        number=number, previous=previous, events=batch.ids, count=batch.count,
        highest=batch.highest, missing=batch.missing, leaves=leaves, at=at,
        hash=hash_of(
            number=number, previous=previous, events=batch.ids, highest=batch.highest,
            missing=batch.missing, leaves=leaves, at=at,
        ),
    )  # fmt: skip
