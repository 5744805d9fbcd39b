"""Exports: who asked for what and why, who approved, where the file is; and who took how much."""

from __future__ import annotations

import pghistory
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from furrow.organisation.models import User
from furrow.organisation.rules import Act

from .kinds import Kind, What, kind_named
from .rules import ExportState, seen_mark


class ExportQuerySet(models.QuerySet["Export"]):
    def visible_to(self, user: User) -> ExportQuerySet:
        """One's own; those who approve see all."""
        return self if user.can(Act.APPROVE_EXPORTS) else self.filter(asked_by=user)


@pghistory.track()
class Export(models.Model):
    kind = models.CharField(max_length=30)
    query = models.CharField(max_length=500, blank=True)  # the list's filters; never a name
    ids = models.JSONField(null=True, blank=True)  # or the rows themselves
    columns = models.JSONField()
    reason = models.CharField(_("what it is for"), max_length=300)
    expected = models.IntegerField()  # rows when it was asked for
    asked_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    asked_at = models.DateTimeField()
    state = models.CharField(max_length=8, choices=ExportState, default=ExportState.ASKED)
    decided_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)
    decision = models.CharField(max_length=300, blank=True)
    mark = models.BigIntegerField(unique=True)  # 32 bits, in the file twice: seen and hidden
    baits = models.JSONField(default=list)  # planted records in the file
    rows = models.IntegerField(null=True, blank=True)
    digest = models.CharField(max_length=64, blank=True)  # SHA-256 of the file
    file_path = models.CharField(max_length=100, blank=True)  # below MEDIA_ROOT; "" = none
    ready_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    downloads = models.IntegerField(default=0)
    error = models.CharField(max_length=300, blank=True)

    objects = ExportQuerySet.as_manager()

    class Meta:
        constraints = [
            # Four eyes, whatever the code does.
            models.CheckConstraint(
                name="export_decided_by_another",
                condition=Q(decided_by=None) | ~Q(decided_by=models.F("asked_by")),
            ),
            models.CheckConstraint(
                name="export_written_after_approval",
                condition=Q(state__in=["asked"]) | Q(decided_by__isnull=False),
            ),
        ]
        indexes = [
            models.Index(name="export_by_asker", fields=["asked_by", "-asked_at"]),
            models.Index(name="export_by_state", fields=["state", "-asked_at"]),
        ]

    def __str__(self) -> str:
        return f"export #{self.pk}"

    @property
    def what(self) -> What:
        return What(self.query, tuple(self.ids) if self.ids is not None else None)

    @property
    def declared(self) -> Kind:
        return kind_named(self.kind)

    @property
    def seen_mark(self) -> str:
        return seen_mark(self.pk, self.mark)


class Taking(models.Model):
    """Rows somebody took away in a file, of an export or of a small table's button."""

    user = models.ForeignKey(User, models.PROTECT)
    on = models.DateField()
    what = models.CharField(max_length=60)
    rows = models.IntegerField()
    at = models.DateTimeField()
    export = models.OneToOneField(Export, models.PROTECT, null=True, blank=True)

    class Meta:
        indexes = [models.Index(name="taking_by_user", fields=["user", "on"])]

    def __str__(self) -> str:
        return f"taking #{self.pk}"
