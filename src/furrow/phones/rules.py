"""How an agent's phone is named at the switch, and how long its password lives."""

import re
from datetime import timedelta

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

LIFE = timedelta(hours=12)  # a working day
PASSWORD_BYTES = 24


class AccountState(TextChoices):
    WANTED = "wanted", _("asked for")  # the switch does not know it yet
    GIVEN = "given", _("usable")
    UNWANTED = "unwanted", _("to be taken away")


def phone_name(username: str) -> str:
    """A person's name at the switch: what a SIP address cannot hold is written as its code.

    No two people share one, and nobody is called like a trunk.

    >>> phone_name("anna")
    'agent-anna'
    >>> phone_name("anna@east")
    'agent-anna-40-east'
    """
    safe = re.sub(r"[^A-Za-z0-9_]", lambda found: f"-{ord(found[0]):x}-", username)
    return f"agent-{safe}"
