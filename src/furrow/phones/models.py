"""Which agents' phones may sign in to the switch."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from furrow.organisation.models import User

from .rules import AccountState


class AccountQuerySet(models.QuerySet["Account"]):
    def due(self, at: datetime) -> AccountQuerySet:
        """What the switch must be told: new accounts, and those that are over."""
        is_over = Q(until__lte=at) | Q(state=AccountState.UNWANTED) | Q(agent__is_active=False)
        return self.filter(Q(state=AccountState.WANTED) | is_over)


class Account(models.Model):
    """One agent's phone at the switch."""

    agent = models.OneToOneField(User, models.CASCADE, related_name="+", verbose_name=_("agent"))
    state = models.CharField(max_length=10, choices=AccountState, default=AccountState.WANTED)
    password = models.CharField(max_length=60, blank=True)  # blank once the switch has it
    until = models.DateTimeField()

    objects = AccountQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="phones_password_only_until_given",
                condition=~Q(password="") & Q(state=AccountState.WANTED)
                | Q(password="") & ~Q(state=AccountState.WANTED),
            ),
        ]

    def __str__(self) -> str:
        return f"phone of user #{self.agent_id}"
