"""Recording who stands around a customer."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from furrow.audit.actions import record
from furrow.customers.models import Customer
from furrow.organisation.models import User

from .models import Contact
from .rules import CannotKnow, Role


@transaction.atomic
def add_contact(
    *,
    customer: Customer,
    name: str,
    role: Role,
    relation: str = "",
    person: Customer | None = None,
    by: User,
    at: datetime,
) -> Contact:
    """Record somebody at or around a customer.

    person  their own record, which `by` may see; both records then lead to each other

    Raises CannotKnow without a name, or for the customer's own record.
    """
    if not name.strip():
        raise CannotKnow(_("Say who it is."), rule="B8")
    if person is not None and person.pk == customer.pk:
        raise CannotKnow(_("This is the customer’s own number."), rule="B8")
    contact = Contact.objects.create(
        customer=customer, name=name.strip()[:80], role=role, relation=relation.strip()[:40],
        person=person, by=by, at=at,
    )  # fmt: skip
    record("contact.added", of=contact, by=by.username, at=at, customer=customer.pk, role=role)
    return contact


@transaction.atomic
def remove_contact(*, contact: Contact, by: User, at: datetime) -> None:
    record("contact.removed", of=contact, by=by.username, at=at, customer=contact.customer_id)
    contact.delete()


def move_contacts(duplicate: Customer, kept: Customer) -> None:
    """A contact who turns out to be the customer is none any more."""
    Contact.objects.filter(customer=duplicate, person=kept).update(person=None)
    Contact.objects.filter(customer=duplicate).update(customer=kept)


def move_persons(duplicate: Customer, kept: Customer) -> None:
    Contact.objects.filter(customer=kept, person=duplicate).update(person=None)
    Contact.objects.filter(person=duplicate).update(person=kept)
