"""Many customers at once, in sets: what arrives stands in a temporary table, then comes in whole.

A caller that has its rows in PostgreSQL already fills the table with INSERT … SELECT; they never
pass through Python. Cost: about 40 µs a customer, whatever the size of the base.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.apps import apps
from django.db import IntegrityError, connection, transaction
from django.utils.translation import ngettext
from psycopg.sql import SQL, Identifier
from psycopg.types.json import Jsonb

from furrow.audit.actions import record
from furrow.common.phone import place_of
from furrow.common.sql import load_sql
from furrow.customers.models import Customer
from furrow.customers.rules import CustomerDraft, NumberTaken
from furrow.organisation.models import Team, User

from .records import unsaved

_COPY = (
    "COPY customers_arriving (place, id, kind, name, city, address, email, category, profile,"
    " numbers, grams, sort_key, name_key, address_key) FROM STDIN"
)
_NEW_IDS = (
    "SELECT nextval(pg_get_serial_sequence('customers_customer', 'id')) FROM generate_series(1, %s)"
)


@transaction.atomic
def bulk_create_customers(
    *, drafts: Sequence[CustomerDraft], team: Team | None, by: User, at: datetime
) -> list[Customer]:
    """Record many customers in the pool of `team`, in the order of `drafts`.

    All or nothing: raises NumberTaken when a number stands twice in `drafts` or belongs to
    somebody already. About 10,000 customers a second.
    """
    customers = [unsaved(draft, team=team, at=at) for draft in drafts]
    expect_arrivals()
    with connection.cursor() as cursor:
        cursor.execute(_NEW_IDS, [len(customers)])
        for customer, (pk,) in zip(customers, cursor.fetchall(), strict=True):
            customer.pk = pk
        with cursor.copy(_COPY) as copy:
            for customer, draft in zip(customers, drafts, strict=True):
                copy.write_row(
                    (
                        customer.pk, customer.pk, str(customer.kind), customer.name,
                        customer.city, customer.address, customer.email, customer.category,
                        Jsonb(customer.profile), list(dict.fromkeys(draft.numbers)),
                        customer.grams, customer.sort_key, customer.name_key,
                        customer.address_key,
                    )
                )  # fmt: skip
    admit_arrivals(team=team, by=by, at=at)
    for customer in customers:
        customer._state.adding, customer._state.db = False, "default"
    return customers


def expect_arrivals() -> None:
    """Have the table `customers_arriving`, empty; its rows live and die with the transaction.

    place       the caller's own number for each
    id          from the sequence of customers
    numbers     E.164, each once; the first becomes the primary one

    The rest is as Customer has it.
    """
    with connection.cursor() as cursor:
        cursor.execute(load_sql("furrow.customers", "arriving"))


def admit_arrivals(*, team: Team | None, by: User, at: datetime) -> list[int]:
    """Make customers of whatever stands in `customers_arriving`. Returns their ids.

    All or nothing: raises NumberTaken when a number stands there twice or is somebody's already.
    """
    who = {"team": team.pk if team else None, "at": at, **_places()}
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(load_sql("furrow.customers", "admit_customers"), who)
            # In the order of the numbers: one order for all writers, so that none deadlocks.
            cursor.execute(load_sql("furrow.customers", "admit_numbers"), who)
    except IntegrityError:
        raise _taken() from None
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM customers_arriving ORDER BY id")
        ids = [pk for (pk,) in cursor.fetchall()]
    record("customers.created", of=by, by=by.username, at=at, customers=len(ids))
    return ids


@transaction.atomic
def dismiss_customers(
    *, customers: list[int], held_by: Iterable[str], by: User, at: datetime
) -> None:
    """Delete customers as if they had never arrived. The caller knows that nobody relies on them.

    held_by  whose rows go with them, as holdings.relations names them; where a relation may be
             empty the row stays and is nobody's

    PostgreSQL refuses when anybody else holds one of them. Cost: two statements a table.
    """
    with connection.cursor() as cursor:
        for relation in held_by:
            label, name = relation.rsplit(".", 1)
            field = apps.get_model(label)._meta.get_field(name)
            what = "UPDATE {table} SET {column} = NULL" if field.null else "DELETE FROM {table}"
            cursor.execute(
                SQL(what + " WHERE {column} = ANY(%s)").format(
                    table=Identifier(field.model._meta.db_table), column=Identifier(field.column)
                ),
                [customers],
            )
        cursor.execute("DELETE FROM customers_customer WHERE id = ANY(%s)", [customers])
    record("customers.dismissed", of=by, by=by.username, at=at, customers=len(customers))


def _places() -> dict[str, list[str]]:
    """Where those numbers live that do not say so at a glance."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT e164 FROM customers_arriving, unnest(numbers) AS e164"
            " WHERE NOT starts_with(e164, '+86')"
        )
        numbers = [e164 for (e164,) in cursor.fetchall()]
    places = [place_of(e164) for e164 in numbers]
    return {
        "abroad": numbers,
        "regions": [place.region for place in places],
        "zones": [place.time_zone for place in places],
    }


def _taken() -> NumberTaken:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) - count(DISTINCT e164) + count(n.id)"
            " FROM customers_arriving, unnest(numbers) AS e164"
            " LEFT JOIN customers_number AS n USING (e164)"
        )
        [taken] = cursor.fetchone() or [0]
    return NumberTaken(
        ngettext(
            "%(count)d of these numbers belongs to another customer already.",
            "%(count)d of these numbers belong to other customers already.",
            taken,
        )
        % {"count": taken},
        rule="B1",
    )
