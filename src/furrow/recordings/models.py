"""What was said in calls, kept as sound."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from furrow.calls.models import Call
from furrow.organisation.models import User
from furrow.organisation.rules import Act, Scope


class RecordingQuerySet(models.QuerySet["Recording"]):
    def visible_to(self, user: User) -> RecordingQuerySet:
        """One's own calls; a leader's team's; for reviewers and managers the company's."""
        match user.scope(Act.LISTEN):
            case Scope.ALL:
                return self
            case Scope.SUBTREE | Scope.TEAM:
                return self.filter(call__agent__team__in=user.teams(Act.LISTEN))
            case Scope.OWN:
                return self.filter(call__agent=user)
            case _:
                return self.none()

    def due(self, at: datetime) -> RecordingQuerySet:
        """Whose time is over."""
        return self.filter(keep_until__lte=at, erased_at=None)


class Recording(models.Model):
    """The sound of one call. The file's name is its checksum."""

    call = models.OneToOneField(Call, models.CASCADE, verbose_name=_("call"))
    sha256 = models.CharField(max_length=64)
    seconds = models.FloatField(_("length"))
    bytes = models.BigIntegerField()
    made_at = models.DateTimeField()
    keep_until = models.DateTimeField()
    erased_at = models.DateTimeField(null=True, blank=True)

    objects = RecordingQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(
                name="recordings_to_erase", fields=["keep_until"], condition=Q(erased_at=None)
            ),
            models.Index(name="recordings_by_sum", fields=["sha256"]),
        ]

    def __str__(self) -> str:
        return f"recording #{self.pk}"
