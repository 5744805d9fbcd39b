"""Other systems that want to be told, and what each was told."""

from __future__ import annotations

import pghistory
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from furrow.organisation.models import User
from furrow.organisation.rules import Act


class EndpointQuerySet(models.QuerySet["Endpoint"]):
    def wanting(self, event: str) -> EndpointQuerySet:
        return self.filter(is_active=True).filter(Q(wants__contains=[event]) | Q(wants=[]))

    def visible_to(self, user: User) -> EndpointQuerySet:
        return self if user.can(Act.MANAGE_INTEGRATIONS) else self.none()


@pghistory.track(exclude=["secret"])
class Endpoint(models.Model):
    url = models.URLField(_("address"), max_length=500)
    secret = models.CharField(max_length=80)  # signs every delivery (HMAC-SHA256)
    wants = models.JSONField(_("events"), default=list)  # names; [] = all
    is_active = models.BooleanField(_("active"), default=True)
    created_at = models.DateTimeField()

    objects = EndpointQuerySet.as_manager()

    def __str__(self) -> str:
        return f"webhook #{self.pk}"


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    def visible_to(self, user: User) -> DeliveryQuerySet:
        return self if user.can(Act.MANAGE_INTEGRATIONS) else self.none()


class Delivery(models.Model):
    """One message to one endpoint: tried until it arrives or the attempts are used up."""

    endpoint = models.ForeignKey(Endpoint, models.CASCADE)
    event = models.CharField(max_length=60)  # "call.ended"
    payload = models.JSONField()
    created_at = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(default=0)
    last_attempt_at = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=200, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)
    given_up_at = models.DateTimeField(null=True, blank=True)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(name="delivery_by_endpoint", fields=["endpoint", "-created_at"])]

    def __str__(self) -> str:
        return f"delivery #{self.pk} {self.event}"
