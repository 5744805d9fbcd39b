"""Who opened whose record on which day, what of it was unusual, what is planted among them."""

from __future__ import annotations

import pghistory
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from furrow.customers.models import Customer
from furrow.organisation.models import User
from furrow.organisation.rules import Act, Scope

from .rules import AlertKind


class SightingQuerySet(models.QuerySet["Sighting"]):
    def visible_to(self, user: User) -> SightingQuerySet:
        return self.filter(user__in=_watched_by(user))


class Sighting(models.Model):
    """That somebody opened a customer on a day of the company; looks again are counted."""

    user = models.ForeignKey(User, models.PROTECT)
    customer = models.ForeignKey(Customer, models.CASCADE)
    on = models.DateField()
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    looks = models.PositiveIntegerField(default=1)
    is_own = models.BooleanField()  # theirs, or one they help with, at the first look
    where = models.CharField(max_length=60)  # the page or endpoint, by name

    objects = SightingQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(name="sighting_once_a_day", fields=["user", "on", "customer"])
        ]
        indexes = [
            models.Index(name="sighting_by_customer", fields=["customer", "-last_at"]),
            models.Index(name="sighting_by_day", fields=["on", "user", "first_at"]),
        ]

    def __str__(self) -> str:
        return f"sighting #{self.pk}"


class AlertQuerySet(models.QuerySet["Alert"]):
    def open(self) -> AlertQuerySet:
        return self.filter(settled_at=None)

    def visible_to(self, user: User) -> AlertQuerySet:
        """Of others: nobody watches himself."""
        return self.filter(user__in=_watched_by(user)).exclude(user=user)


@pghistory.track()
class Alert(models.Model):
    """Something about somebody's looking at customers that another person should look into."""

    kind = models.CharField(max_length=8, choices=AlertKind)
    user = models.ForeignKey(User, models.PROTECT)
    on = models.DateField()
    customer = models.ForeignKey(Customer, models.CASCADE, null=True, blank=True)  # a planted one
    at = models.DateTimeField()  # of the latest
    times = models.PositiveIntegerField(default=1)
    evidence = models.JSONField(default=dict)  # numbers and page names, see rules.Finding
    settled_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    settled_at = models.DateTimeField(null=True, blank=True)
    finding = models.CharField(_("what it was"), max_length=300, blank=True)

    objects = AlertQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="alert_once_a_day",
                fields=["user", "on", "kind"],
                condition=Q(customer=None),
            ),
            models.UniqueConstraint(
                name="alert_once_a_day_and_customer", fields=["user", "on", "kind", "customer"]
            ),
            models.CheckConstraint(
                name="alert_settled_whole",
                condition=Q(settled_at=None, settled_by=None)
                | Q(settled_at__isnull=False, settled_by__isnull=False),
            ),
        ]
        indexes = [models.Index(name="alert_by_at", fields=["-at", "-id"])]

    def __str__(self) -> str:
        return f"alert #{self.pk} {self.kind}"


class PlantedQuerySet(models.QuerySet["Planted"]):
    def visible_to(self, user: User) -> PlantedQuerySet:
        return self if user.can(Act.PLANT_HONEY) else self.none()


@pghistory.track()
class Planted(models.Model):
    """A made-up customer among the real ones: whoever touches it was not sent there by us."""

    customer = models.OneToOneField(Customer, models.CASCADE)
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField()

    objects = PlantedQuerySet.as_manager()

    def __str__(self) -> str:
        return f"planted #{self.pk}"


def _watched_by(user: User) -> models.QuerySet[User]:
    """Whose looking `user` may look into."""
    match user.scope(Act.VIEW_ALERTS):
        case Scope.ALL:
            return User.objects.all()
        case Scope.NONE:
            return User.objects.none()
        case _:
            return User.objects.filter(team__in=user.teams(Act.VIEW_ALERTS))
