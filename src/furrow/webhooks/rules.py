"""How a message to another system is signed, and when it is tried again. No database, no clock."""

import hashlib
import hmac
import ipaddress
from collections.abc import Mapping
from datetime import datetime, timedelta

from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from furrow.common.refusal import Refused

# What other systems may be told, and what it means.
EVENTS: Mapping[str, object] = {
    "call.ended": _("A call has ended"),
    "call.wrapped_up": _("An agent has said what came of a call"),
    "alert.raised": _("Somebody's looking at customers was unusual"),
    "webhook.test": _("A test message"),
}

FIRST_WAIT = timedelta(seconds=25)
TIMES = 3  # each wait is so many times the one before
MOST_ATTEMPTS = 9  # the last one 22.8 hours after the first


class CannotTell(Refused):
    """This endpoint cannot be told anything."""


def next_attempt(*, attempts: int, last_at: datetime) -> datetime | None:
    """When to try again after `attempts` failures, or None to give up (after about a day)."""
    if attempts >= MOST_ATTEMPTS:
        return None
    wait: timedelta = FIRST_WAIT * TIMES ** (attempts - 1)
    return last_at + wait


def signature(*, secret: str, timestamp: str, body: bytes) -> str:
    """ "sha256=" and the HMAC-SHA256, in hex, of the timestamp, a dot, and the body.

    timestamp  seconds since 1970 as sent in Furrow-Timestamp; whoever checks the signature also
               refuses old timestamps, so that a message cannot be replayed
    """
    message = timestamp.encode() + b"." + body
    return "sha256=" + hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


def is_public(address: str) -> bool:
    """Whether an IP address is out in the world, not inside this machine or its network."""
    ip = ipaddress.ip_address(address)
    mapped = getattr(ip, "ipv4_mapped", None)
    return (mapped or ip).is_global and not ip.is_multicast


def check_url(url: str, *, local: bool) -> None:
    """Raise CannotTell unless `url` may be an endpoint; `local` allows plain http as well."""
    if url.startswith("https://") or (local and url.startswith("http://")):
        return
    raise CannotTell(_t("An address begins with https://, so that nobody reads along."), rule="I1")
