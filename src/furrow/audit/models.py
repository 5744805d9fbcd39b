"""What happened, who did it, and when. Append-only; no foreign keys, so nothing recorded here
can block a deletion or disappear with one."""

from __future__ import annotations

import pgtrigger
from django.db import models


class EventQuerySet(models.QuerySet["Event"]):
    def about(self, subject: models.Model) -> EventQuerySet:
        """Newest first."""
        return self.filter(subject=subject_of(subject)).order_by("-at", "-id")


class Event(models.Model):
    what = models.CharField(max_length=60)  # "followup.planned"
    subject = models.CharField(max_length=80)  # "followups.FollowUp:17"
    who = models.CharField(max_length=150)  # username; machines act as "system"
    at = models.DateTimeField()
    request_id = models.CharField(max_length=36, blank=True)
    details = models.JSONField(default=dict)  # never a phone number; ids and reasons

    objects = EventQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(name="audit_event_by_subject", fields=["subject", "-at"]),
            models.Index(name="audit_event_by_who", fields=["who", "-at"]),
            models.Index(name="audit_event_by_what", fields=["what", "-at"]),
            models.Index(name="audit_event_by_at", fields=["-at", "-id"]),
        ]
        triggers = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.what}"


def subject_of(thing: models.Model) -> str:
    """How an event names what it is about: "customers.Customer:17"."""
    return f"{thing._meta.label}:{thing.pk}"
