"""What brings two records together, and how a likeness is told. No database, no clock."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache

from django.db.models import TextChoices
from django.utils.translation import get_language
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from furrow.common.refusal import Refused
from furrow.customers.rules import TooManyAsked
from furrow.science.linkage.addresses import address_key
from furrow.science.linkage.companies import company_key
from furrow.science.linkage.compare import Comparison
from furrow.science.linkage.contacts import email_key, wechat_key
from furrow.science.linkage.names import name_key
from furrow.science.linkage.profiles import Record, place_key
from furrow.science.linkage.words import reason_word

# Values that more customers share bring nobody together: the work stays bounded.
MOST_BY_NAME = 12
MOST_BY_ADDRESS = 60
# Below this nobody is asked: two restaurants in one building are no duplicate.
WORTH_ASKING_BITS = 0.0
# How often one person may ask for likely duplicates.
MOST_LOOKUPS, LOOKUP_WINDOW = 90, timedelta(minutes=1)


# What brings customers together in a run over all of them, in this order: how many may share it.
BLOCKS = {
    "name": MOST_BY_NAME,
    "address": MOST_BY_ADDRESS,
    "email": MOST_BY_ADDRESS,
    "wechat": MOST_BY_NAME,
}
# A run reads about so many customers, then commits what it found.
CUSTOMERS_A_STEP = 2000
# From here on a rule may join without asking, where a run was told so. The weight is a logarithm of
# odds: 12 bits are wrong once in 4,096 pairs, less than half of what we let pass in a file (5 in
# 10,000). Measured on two lists of known truth: 1.4 and 2.5 wrong in 10,000
# (docs/reference/performance-linkage.md).
CERTAIN_BITS = 12.0


class RunState(TextChoices):
    WORKING = "working", _("Looking for duplicates")
    DONE = "done", _("Done")
    STOPPED = "stopped", _("Stopped")


class Verdict(TextChoices):
    """What was said of a pair."""

    OPEN = "open", _("Not judged")
    SAME = "same", _("The same customer")
    DIFFERENT = "different", _("Different customers")
    LATER = "later", _("Put off")


class CannotJudge(Refused):
    """This pair cannot be judged so, or not any more."""


class CannotFind(Refused):
    """A run cannot be started or stopped now."""


def check_lookups(recent: int) -> None:
    """Raise TooManyAsked after MOST_LOOKUPS within LOOKUP_WINDOW."""
    if recent >= MOST_LOOKUPS:
        raise TooManyAsked(
            _t("You have looked up many customers in a short time. Wait a minute."), rule="B3"
        )


@lru_cache(maxsize=1 << 14)
def _address_key(text: str) -> str:
    return address_key(text)[:200]


@dataclass(frozen=True, slots=True)
class Probe:
    """Somebody to look for. `record.id` is the caller's; `record.numbers` are E.164."""

    record: Record

    @property
    def name_keys(self) -> set[str]:
        """As a person's and as a firm's name: the other list may have taken it for either."""
        name, firm = self.record.name, self.record.company
        found = {name_key(name), company_key(name), company_key(firm)}
        return {key[:200] for key in found if key}

    @property
    def email_key(self) -> str:
        return email_key(self.record.email)

    @property
    def wechat_key(self) -> str:
        return wechat_key(self.record.wechat)

    @property
    def address_key(self) -> str:
        return _address_key(self.record.address)


@dataclass(frozen=True, slots=True)
class Match:
    """A known customer who may be the one looked for."""

    customer_id: int
    shares_number: bool
    comparison: Comparison
    number: str = ""  # the customer's primary one

    @property
    def is_same(self) -> bool:
        return self.comparison.verdict == "same" and not self.comparison.is_contested


def is_certain(comparison: Comparison) -> bool:
    """Whether a rule may join the two: nothing speaks against it, and much for it."""
    return (
        comparison.verdict == "same"
        and comparison.weight >= CERTAIN_BITS
        and not comparison.is_weak
        and not comparison.is_contested
    )


def may_join_by_rule(owners: Iterable[int | None]) -> bool:
    """Two owners' customers are joined by a person only: one of the two loses a customer (B3)."""
    return len({owner for owner in owners if owner is not None}) <= 1


def keys_of(probe: Probe) -> list[str]:
    """Values that bring two rows of one list together; any shared one is enough.

    >>> keys_of(Probe(Record(1, name="张伟", numbers=("+8613800138000",), city="深圳市")))
    ['n:+8613800138000', 'k:张伟/深圳']
    """
    one = probe.record
    keys = [f"n:{number}" for number in one.numbers]
    keys += _named_keys(one.name, one.company, one.city)
    if address := probe.address_key:
        keys.append(f"a:{address}")
    if one.email and (email := probe.email_key):
        keys.append(f"e:{email}"[:220])
    if one.wechat and (wechat := probe.wechat_key):
        keys.append(f"w:{wechat}"[:220])
    return keys


@lru_cache(maxsize=1 << 16)
def _named_keys(name: str, company: str, city: str) -> list[str]:
    found = {name_key(name), company_key(name), company_key(company)} - {""}
    place = place_key(city)
    return sorted(f"k:{key[:200]}/{place}"[:220] for key in found)


def in_words(codes: Iterable[str]) -> list[str]:
    """Reasons as people read them, in the language of the moment."""
    return [reason_word(code, get_language() or "en") for code in codes]


def telling(comparison: Comparison) -> list[str]:
    """The codes worth showing: the heaviest reasons, at most four."""
    return [f.code for f in comparison.findings if abs(f.bits) >= 1][:4]


def best_first(matches: Sequence[Match]) -> list[Match]:
    return sorted(matches, key=lambda m: (not m.is_same, -m.comparison.weight, m.customer_id))
