"""What happened, who did it, and when. Append-only; no foreign keys, so nothing recorded here
can block a deletion or disappear with one."""

from __future__ import annotations

import pgtrigger
from django.db import models

# Whoever asks, the owner of the tables included.
_NEVER_CHANGED = [
    pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
    pgtrigger.Trigger(
        name="never_emptied",
        level=pgtrigger.Statement,
        operation=pgtrigger.Truncate,
        when=pgtrigger.Before,
        func="RAISE EXCEPTION 'the trail of % is append-only', TG_TABLE_NAME;",
    ),
]


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
        triggers = _NEVER_CHANGED

    def __str__(self) -> str:
        return f"#{self.pk} {self.what}"


class Seal(models.Model):
    """A link of the chain over the trail: what some events were, and the link before it.

    Made every few seconds over what was committed meanwhile, so no writer waits for another.
    """

    number = models.BigIntegerField(primary_key=True)  # 1, 2, 3, …
    previous = models.BinaryField(max_length=32, unique=True)  # hash of the link before; 1: zeros
    events = models.TextField()  # ids of the events sealed here, an int8multirange: "{[1,5),[7,9)}"
    count = models.IntegerField()
    highest = models.BigIntegerField()  # id of an event sealed so far
    # Ids below that one that were not there yet: of transactions still under way, or of
    # such as came to nothing. Sealed later if they appear within a day, else never to appear.
    missing = models.TextField()
    leaves = models.BinaryField()  # SHA-256 of each event, 32 bytes each, by id
    at = models.DateTimeField()
    hash = models.BinaryField(max_length=32)

    class Meta:
        triggers = _NEVER_CHANGED

    def __str__(self) -> str:
        return f"seal {self.number}"


def subject_of(thing: models.Model) -> str:
    """How an event names what it is about: "customers.Customer:17"."""
    return f"{thing._meta.label}:{thing.pk}"
