"""What visitors of our web sites did, and the numbers they left."""

from __future__ import annotations

import pghistory
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from furrow.acquisition.models import Lead, Source
from furrow.customers.models import Customer
from furrow.organisation.models import User
from furrow.organisation.rules import Act

from .rules import HitKind


class SiteQuerySet(models.QuerySet["Site"]):
    def visible_to(self, user: User) -> SiteQuerySet:
        return self if user.can(Act.IMPORT) else self.none()


@pghistory.track()
class Site(models.Model):
    """A web site of ours. Its source says on what ground its numbers may be called."""

    key = models.CharField(max_length=16, unique=True)  # public: it stands in the page
    name = models.CharField(_("name"), max_length=80, unique=True)
    hosts = ArrayField(models.CharField(max_length=200))  # whose pages may tell us
    source = models.ForeignKey(Source, models.PROTECT, verbose_name=_("source"))
    is_on = models.BooleanField(_("collects"), default=True)
    created_at = models.DateTimeField()

    objects = SiteQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name


class Hit(models.Model):
    """What the collecting process has acknowledged and nobody has looked at yet: a buffer, written
    by COPY and emptied within seconds (sql/digest.sql)."""

    at = models.DateTimeField()
    site = models.ForeignKey(Site, models.CASCADE, db_index=False, db_constraint=False)
    kind = models.CharField(max_length=6, choices=HitKind)
    visitor = models.CharField(max_length=32, blank=True)
    key = models.CharField(max_length=32, blank=True)
    page = models.CharField(max_length=300, blank=True)
    referrer = models.CharField(max_length=120, blank=True)
    seconds = models.PositiveIntegerField()
    given = models.JSONField(null=True)

    def __str__(self) -> str:
        return f"hit #{self.pk}"


class Visitor(models.Model):
    """A browser that agreed to its visits being kept: a random key it made itself, nothing about
    the machine. The customer is who left a number in it."""

    site = models.ForeignKey(Site, models.CASCADE)
    key = models.CharField(max_length=32)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    customer = models.ForeignKey(Customer, models.SET_NULL, null=True, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(name="visitor_once", fields=["site", "key"])]
        indexes = [models.Index(name="visitor_by_age", fields=["last_at"])]

    def __str__(self) -> str:
        return f"visitor #{self.pk}"


class Visit(models.Model):
    """Pages opened one after the other, with no long pause between (`gap_minutes`)."""

    visitor = models.ForeignKey(Visitor, models.CASCADE, related_name="visits")
    started_at = models.DateTimeField()
    last_at = models.DateTimeField()
    entry_page = models.CharField(max_length=300, blank=True)
    referrer = models.CharField(max_length=120, blank=True)
    views = models.PositiveIntegerField(default=0)
    longest_seconds = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(name="visit_once", fields=["visitor", "started_at"])]
        indexes = [models.Index(name="visit_by_start", fields=["started_at"])]

    def __str__(self) -> str:
        return f"visit #{self.pk}"


class View(models.Model):
    """One page opened once, and for how long it was looked at."""

    visit = models.ForeignKey(Visit, models.CASCADE)
    visitor = models.ForeignKey(Visitor, models.CASCADE, db_index=False)
    key = models.CharField(max_length=32)
    page = models.CharField(max_length=300, blank=True)
    at = models.DateTimeField()
    seconds = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(name="view_once", fields=["visitor", "key"])]

    def __str__(self) -> str:
        return f"view #{self.pk}"


class Enquiry(models.Model):
    """A number somebody left with consent. It becomes a lead when a rule says so."""

    site = models.ForeignKey(Site, models.CASCADE, related_name="enquiries")
    key = models.CharField(max_length=32)
    visitor = models.ForeignKey(Visitor, models.SET_NULL, null=True)
    at = models.DateTimeField()
    page = models.CharField(max_length=300, blank=True)
    given = models.JSONField()  # rules.FIELDS, and "words" agreed to, "asked"
    judged_at = models.DateTimeField(null=True)  # when a rule was last asked,
    judged_by = models.PositiveIntegerField(null=True)  # in which version
    problem = models.CharField(max_length=300, blank=True)  # why it never becomes one
    lead = models.OneToOneField(Lead, models.SET_NULL, null=True, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(name="enquiry_once", fields=["site", "key"])]
        indexes = [
            models.Index(
                name="enquiry_waiting", fields=["visitor"], condition=Q(lead=None, problem="")
            ),
            models.Index(name="enquiry_by_at", fields=["at"]),
        ]

    def __str__(self) -> str:
        return f"enquiry #{self.pk}"
