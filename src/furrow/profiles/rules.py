"""What to ask a customer next, who stands around them, and how strong the relationship is. No
database, no clock."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import TextChoices
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from furrow.common.refusal import Refused
from furrow.customers.rules import BASICS, FACTS, Kind
from furrow.pipeline.rules import Stage


class Role(TextChoices):
    """Whose part somebody plays in buying (B8)."""

    PAYER = "payer", _("Payer")
    DECIDER = "decider", _("Decider")
    USER = "user", _("User")
    INFLUENCER = "influencer", _("Influencer")


class CannotKnow(Refused):
    """This cannot be recorded about who stands around a customer."""


# -- what to ask next ------------------------------------------------------------------------------

# Which facts are worth most at a stage, the most valuable first (B8, C1): screening asks whether
# there may be a need, acquisition what decides the sale, retention what keeps somebody.
WORTH: Mapping[Kind, Mapping[str, Sequence[str]]] = {
    Kind.PERSON: {
        Stage.SCREENING: ("needs", "occupation", "city", "residence", "family"),
        Stage.ACQUISITION: ("needs", "pains", "income", "occupation", "family", "marriage"),
        Stage.RETENTION: ("birthday", "hobbies", "family", "email", "needs", "pains"),
    },
    Kind.ORGANISATION: {
        Stage.SCREENING: ("needs", "industry", "size", "city", "products_in_use"),
        Stage.ACQUISITION: (
            "head_of_marketing", "needs", "pains", "competitors", "head_of_finance", "size",
        ),
        Stage.RETENTION: ("products_in_use", "head_of_service", "email", "competitors", "needs"),
    },
}  # fmt: skip


def to_ask(kind: str, stage: str, known: Collection[str], skipped: Collection[str] = ()) -> str:
    """The most valuable thing not known yet; "" when nothing is left. Those of the stage come
    first, then every other fact of the profile.

    known    names of facts and basics that are known, or that this person may not be shown
    skipped  asked already in this call, without an answer
    """
    facts = [fact.name for fact in FACTS[Kind(kind)]]
    wanted = [*WORTH[Kind(kind)].get(stage, ()), *facts, "city", "email"]
    left = (name for name in wanted if name not in known and name not in skipped)
    return next(left, "")


def label_of(kind: str, name: str) -> str | Promise:
    labels = {**BASICS, **{fact.name: fact.label for fact in FACTS[Kind(kind)]}}
    return labels.get(name, name)


# -- how strong the relationship is (B9) ---------------------------------------------------------


class Bond(TextChoices):
    WEAK = "weak", _("Weak")
    ORDINARY = "ordinary", _("Ordinary")
    STRONG = "strong", _("Strong")


ORDINARY_FROM, STRONG_FROM = 3, 8
REMEMBERED = timedelta(days=365)
HALVED_AFTER = timedelta(days=90)  # what lies longer back counts half


@dataclass(frozen=True)
class Step:
    """Something that moved a relationship: points as they counted that day, and what it was."""

    at: datetime
    points: int
    what: str | Promise


# By the strength of an act of ownership's ledger, and the other things that happen.
POINTS: Mapping[str, tuple[int, str | Promise]] = {
    "weak": (1, _("A conversation")),
    "medium": (2, _("A next step agreed")),
    "strong": (3, _("Interest")),
    "order": (4, _("An order")),
    "sale": (5, _("A purchase")),
    "refund": (-3, _("Money given back")),
    "refusal": (-2, _("A refusal")),
}


def bond_of(steps: Iterable[Step], *, at: datetime) -> tuple[Bond, float]:
    """How strong the relationship is at `at`, and by how many points. One more friendly step never
    weakens it."""
    points = 0.0
    for step in steps:
        age = at - step.at
        if timedelta() <= age <= REMEMBERED:
            points += step.points * (0.5 if age > HALVED_AFTER else 1.0)
    if points >= STRONG_FROM:
        return Bond.STRONG, points
    return (Bond.ORDINARY if points >= ORDINARY_FROM else Bond.WEAK), points
