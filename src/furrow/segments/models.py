"""Segments: customers chosen by conditions, kept as data; and whom each held when last counted."""

from __future__ import annotations

import pghistory
from django.db import models
from django.utils.translation import gettext_lazy as _

from furrow.organisation.models import User
from furrow.organisation.rules import Act

from .rules import Conditions


class SegmentQuerySet(models.QuerySet["Segment"]):
    def visible_to(self, user: User) -> SegmentQuerySet:
        return self if user.can(Act.EDIT_CAMPAIGNS) else self.none()


@pghistory.track(exclude=["size", "counted_at", "is_counting"])
class Segment(models.Model):
    name = models.CharField(_("name"), max_length=80, unique=True)
    body = models.JSONField()  # rules.Conditions.stored
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    # Exact, of the last count; None until the first is done.
    size = models.PositiveIntegerField(null=True)
    counted_at = models.DateTimeField(null=True)
    is_counting = models.BooleanField(default=False)

    objects = SegmentQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name

    @property
    def conditions(self) -> Conditions:
        return Conditions.read(self.body)


class Member(models.Model):
    """A customer of a segment when it was counted last. Made anew with each count, so it names the
    customer by id alone: whoever was merged or erased since is found no more."""

    segment = models.ForeignKey(Segment, models.CASCADE, db_index=False)
    customer_id = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(name="member_once", fields=["segment", "customer_id"])
        ]

    def __str__(self) -> str:
        return f"member {self.customer_id} of segment #{self.segment_id}"
