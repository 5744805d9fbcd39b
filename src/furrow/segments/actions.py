"""Saving segments, and counting whom they hold."""

from datetime import datetime

from django.db import IntegrityError, connection, transaction
from django.utils.translation import gettext as _

from furrow.audit.actions import record
from furrow.common.jobs import enqueue
from furrow.customers.models import Customer
from furrow.organisation.models import User

from .models import Member, Segment
from .queries import chosen_by, known_filters
from .rules import CannotSave, Condition, Conditions, check_conditions


@transaction.atomic
def save_segment(
    *, segment: Segment | None = None, name: str, conditions: Conditions, by: User, at: datetime
) -> Segment:
    """Keep conditions under a name and have them counted. Raises CannotSave.

    "Me" becomes whoever saves it: a segment says the same to everybody.
    """
    said = check_conditions(conditions, known=known_filters())
    mine = tuple(
        tuple(
            Condition(one.filter, str(by.pk) if one.value == "me" else one.value, one.is_not)
            for one in group
        )
        for group in said.groups
    )
    segment = segment or Segment(by=by, created_at=at)
    segment.name, segment.body = name.strip(), Conditions(mine).stored
    if not segment.name:
        raise CannotSave(_("Give the segment a name."), rule="H1")
    try:
        with transaction.atomic():
            segment.save()
    except IntegrityError:
        raise CannotSave(
            _("There is a segment “%(name)s” already.") % {"name": segment.name}, rule="H1"
        ) from None
    record("segment.saved", of=segment, by=by.username, at=at, conditions=segment.body)
    ask_to_count(segment=segment)
    return segment


@transaction.atomic
def delete_segment(*, segment: Segment, by: User, at: datetime) -> None:
    """The customers stay, and so do the campaigns made of it."""
    record("segment.deleted", of=segment, by=by.username, at=at, name=segment.name)
    _forget_members(segment)
    segment.delete()


@transaction.atomic
def ask_to_count(*, segment: Segment) -> None:
    """Have a job count it."""
    Segment.objects.filter(pk=segment.pk).update(is_counting=True)
    enqueue("segments.count", queueing_lock=f"segment:{segment.pk}", segment_id=segment.pk)


@transaction.atomic
def count_segment(*, segment_id: int, at: datetime) -> int | None:
    """Write down whom a segment holds now; until that is done the list shows whom it held. Run
    twice it does the same. Returns how many; None for a segment that is gone, or was changed in the
    meantime: then it is counted again. Cost: one pass over the customers the conditions look at,
    and a row for each chosen. The segment can be saved and deleted while it is counted."""
    counted = Segment.objects.filter(pk=segment_id).first()
    if counted is None:
        return None
    chosen = chosen_by(counted.conditions, Customer.objects.filter(merged_into=None))
    query, params = chosen.order_by().values_list("pk").distinct().query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS pg_temp.segment_chosen")
        cursor.execute(
            f"CREATE TEMPORARY TABLE segment_chosen (id) ON COMMIT DROP AS {query}",
            params,
        )
    return _swap_members(counted, at=at)


def _swap_members(counted: Segment, *, at: datetime) -> int | None:
    """Whom was chosen takes the place of whom it held."""
    segment = Segment.objects.select_for_update().filter(pk=counted.pk).first()
    if segment is None or segment.body != counted.body:
        return None
    _forget_members(segment)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {Member._meta.db_table} (segment_id, customer_id)"  # noqa: S608
            " SELECT %s, id FROM segment_chosen ORDER BY id",
            [segment.pk],
        )
        segment.size = int(cursor.rowcount)
        # Else a page is planned as if nobody were in it: three seconds instead of three
        # milliseconds. Somebody who does not own the table is warned, and autovacuum does it.
        cursor.execute(f"ANALYZE {Member._meta.db_table}")
    segment.counted_at, segment.is_counting = at, False
    segment.save(update_fields=["size", "counted_at", "is_counting"])
    return segment.size


def _forget_members(segment: Segment) -> None:
    with connection.cursor() as cursor:  # the ORM would fetch millions of rows to cascade
        cursor.execute(
            f"DELETE FROM {Member._meta.db_table} WHERE segment_id = %s",  # noqa: S608
            [segment.pk],
        )
