"""Who stands around a customer: at home, in the company, and in buying."""

from __future__ import annotations

import pghistory
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from furrow.customers.models import Customer
from furrow.organisation.models import User

from .rules import Role


class ContactQuerySet(models.QuerySet["Contact"]):
    def visible_to(self, user: User) -> ContactQuerySet:
        return self.filter(customer__in=Customer.objects.visible_to(user))


@pghistory.track()
class Contact(models.Model):
    """A person at or around a customer, with a part in buying. Of a family or a company the person
    may be a customer too: then both records lead to each other."""

    customer = models.ForeignKey(Customer, models.CASCADE, related_name="contacts")
    name = models.CharField(_("name"), max_length=80)
    role = models.CharField(_("part in buying"), max_length=10, choices=Role)
    relation = models.CharField(_("relation"), max_length=40, blank=True)  # "mother", "head of IT"
    # Their own record, when they are a customer.
    person = models.ForeignKey(
        Customer, models.SET_NULL, null=True, blank=True, related_name="contact_of"
    )
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField()

    objects = ContactQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="contact_is_somebody_else",
                condition=Q(person=None) | ~Q(person=models.F("customer")),
            )
        ]

    def __str__(self) -> str:
        return f"contact #{self.pk}"
