"""People and organisations we may contact, their numbers, and who looks after them."""

from __future__ import annotations

from datetime import UTC, datetime

import pghistory
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Exists, F, OuterRef, Q, Value
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Coalesce, Lower
from django.utils.translation import gettext_lazy as _

from furrow.common.phone import mask
from furrow.common.text import query_grams
from furrow.compliance.models import Suppression
from furrow.compliance.rules import OF_THE_PERSON
from furrow.organisation.models import Team, User
from furrow.organisation.rules import Act, Scope

from .rules import Kind, Left, OwnerChange
from .ties import ties

# Sorts customers never touched after all others, without NULL in the index.
LAST_TOUCH = Coalesce(F("last_touch_at"), Value(datetime(1970, 1, 1, tzinfo=UTC)))


def history() -> list[pghistory.Tracker]:
    """Rows that arrive are told once for a whole statement: a list brings hundreds of thousands,
    and a trigger for each costs more than the rows."""
    return [pghistory.InsertEvent(level=pghistory.Statement), pghistory.UpdateEvent()]


# One spelling of what brings records together; most customers have neither.
EMAIL_KEY = Lower("email")
WECHAT_KEY = Lower(KeyTextTransform("wechat", "profile"))
HAS_EMAIL = ~Q(email="")
HAS_WECHAT = Q(profile__has_key="wechat")


class CustomerQuerySet(models.QuerySet["Customer"]):
    def visible_to(self, user: User, act: Act = Act.VIEW_CUSTOMERS) -> CustomerQuerySet:
        """The one scope function: whom `act` reaches, for every list, record, search and export.

        OWN: own customers and the own team's pool. TEAM, SUBTREE: whatever belongs to the teams.
        ALL: the company's. With any of them, those one is tied to (see `ties`); an act other than
        seeing reaches no further than seeing does.
        """
        nearer = min(act, Act.VIEW_CUSTOMERS, key=user.scope)
        if (scope := user.scope(nearer)) is Scope.NONE:
            return self.none()
        if scope is Scope.ALL:
            return self.filter(merged_into=None)
        if scope is Scope.OWN:
            reached = Q(owner=user) | Q(owner=None, team_id=user.team_id)
        else:
            reached = Q(team__in=user.teams(nearer))
        # Ids rather than a query in the condition: so the planner can join indexes.
        # Giving a customer away is no help: whoever is merely tied to one may not.
        helps = act is not Act.ASSIGN_CUSTOMERS
        if helps and (tied := {pk for tie in ties() for pk in tie.customers(user)}):
            reached |= Q(pk__in=tied)
        return self.filter(reached, merged_into=None)

    def in_pool(self) -> CustomerQuerySet:
        return self.filter(owner=None, merged_into=None, is_planted=False)

    def callable(self) -> CustomerQuerySet:
        """Who has a number that is not suppressed for good, and did not ask on another number to
        be left alone; nobody may call the others (C4)."""
        never = Suppression.objects.filter(e164=OuterRef("e164"), lifted_at=None, until=None)
        numbers = Number.objects.filter(customer=OuterRef("pk"))
        return self.filter(
            Exists(numbers.filter(~Exists(never))),
            ~Exists(numbers.filter(Exists(never.filter(kind__in=OF_THE_PERSON)))),
        )

    def named(self, text: str) -> CustomerQuerySet:
        """Whose name contains `text`, by the stored grams; none for a text without letters."""
        wanted = query_grams(text)
        return self.filter(grams__contains=wanted) if wanted else self.none()

    def with_number_ending(self, digits: str) -> CustomerQuerySet:
        """Who has a number ending with these four digits."""
        return self.filter(pk__in=Number.objects.filter(last4=digits[-4:]).values("customer_id"))


# A touch is told by the call itself; keeping it here too would copy the row at every call.
@pghistory.track(
    *history(),
    exclude=["grams", "name_key", "sort_key", "address_key", "last_touch_at", "is_planted"],
)
class Customer(models.Model):
    kind = models.CharField(_("kind"), max_length=12, choices=Kind, default=Kind.PERSON)
    name = models.CharField(_("name"), max_length=200)
    city = models.CharField(_("city"), max_length=80, blank=True)
    address = models.CharField(_("address"), max_length=300, blank=True)
    email = models.CharField(_("e-mail"), max_length=200, blank=True)
    category = models.CharField(_("category"), max_length=80, blank=True)  # industry, cuisine, …
    # B8, filled bit by bit: {"birthday": "1980-05-01", "occupation": "…"}. Known keys in forms.py.
    profile = models.JSONField(default=dict, blank=True)
    # The pool it belongs to while unowned, and the team that sees it.
    team = models.ForeignKey(Team, models.PROTECT, null=True, blank=True, verbose_name=_("team"))
    owner = models.ForeignKey(
        User,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="customers",
        verbose_name=_("owner"),
        db_index=False,
    )
    owned_since = models.DateTimeField(null=True, blank=True)
    # A merged customer stays as a signpost: old links and imports still resolve.
    merged_into = models.ForeignKey("self", models.PROTECT, null=True, blank=True, db_index=False)
    created_at = models.DateTimeField()
    # Made up, and put among the real ones to see who touches it (sightings); in no pool.
    is_planted = models.BooleanField(default=False, db_default=False, editable=False)
    # When somebody last reached out, answered or not; kept here so lists sort without joining.
    last_touch_at = models.DateTimeField(null=True, blank=True)

    # Made from the fields above by actions; see common.text and science.linkage.
    grams = ArrayField(models.CharField(max_length=24), default=list, editable=False)
    sort_key = models.CharField(max_length=60, editable=False, default="")
    name_key = models.CharField(max_length=200, editable=False, default="")
    address_key = models.CharField(max_length=200, editable=False, default="")

    objects = CustomerQuerySet.as_manager()
    shown_name: str  # to whoever looks, where a row about something else names it: see showing

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="customer_owner_and_owned_since_together",
                condition=Q(owner=None, owned_since=None)
                | Q(owner__isnull=False, owned_since__isnull=False),
            ),
            models.CheckConstraint(
                name="customer_merged_has_no_owner",
                condition=Q(merged_into=None) | Q(owner=None),
            ),
        ]
        indexes = [
            # New names gather, and are filed together once they fill 512 kB: filing each by itself
            # took half of what recording a customer takes. A search reads those too, in 0.5 ms.
            GinIndex(
                name="customer_grams",
                fields=["grams"],
                fastupdate=True,
                gin_pending_list_limit=512,
            ),
            # Of the few who have one: whoever comes in has neither.
            models.Index(
                name="customer_of_owner", fields=["owner"], condition=Q(owner__isnull=False)
            ),
            models.Index(
                name="customer_merged_into",
                fields=["merged_into"],
                condition=Q(merged_into__isnull=False),
            ),
            models.Index(
                name="customer_by_owner", fields=["owner", "-id"], condition=Q(merged_into=None)
            ),
            models.Index(
                name="customer_by_team", fields=["team", "-id"], condition=Q(merged_into=None)
            ),
            models.Index(
                name="customer_by_team_pool",
                fields=["team", "-id"],
                condition=Q(merged_into=None, owner=None),
            ),
            models.Index(
                name="customer_by_sort_key",
                fields=["sort_key", "id"],
                condition=Q(merged_into=None),
            ),
            models.Index(LAST_TOUCH, "id", name="customer_by_touch", condition=Q(merged_into=None)),
            models.Index(
                name="customer_by_city", fields=["city", "id"], condition=Q(merged_into=None)
            ),
            models.Index(
                name="customer_by_category",
                fields=["category", "id"],
                condition=Q(merged_into=None),
            ),
            # Who has whom since when, read from the index alone by the nightly return.
            models.Index(
                name="customer_owned",
                fields=["id"],
                include=["owner", "owned_since", "team"],
                condition=Q(owner__isnull=False, merged_into=None),
            ),
            # With the id: whether too many share a value is told by the index alone.
            models.Index(
                name="customer_of_name", fields=["name_key", "id"], condition=Q(merged_into=None)
            ),
            models.Index(
                name="customer_of_address",
                fields=["address_key", "id"],
                condition=Q(merged_into=None),
            ),
            models.Index(
                EMAIL_KEY, "id", name="customer_of_email", condition=HAS_EMAIL & Q(merged_into=None)
            ),
            models.Index(
                WECHAT_KEY,
                "id",
                name="customer_of_wechat",
                condition=HAS_WECHAT & Q(merged_into=None),
            ),
        ]

    def __str__(self) -> str:
        return f"customer #{self.pk}"


class NumberQuerySet(models.QuerySet["Number"]):
    def visible_to(self, user: User, act: Act = Act.VIEW_CUSTOMERS) -> NumberQuerySet:
        return self.filter(customer__in=Customer.objects.visible_to(user, act))


@pghistory.track(*history())
class Number(models.Model):
    """A phone number. It belongs to one customer, company-wide: the database refuses a second."""

    customer = models.ForeignKey(Customer, models.CASCADE, related_name="numbers")
    e164 = models.CharField(max_length=20, unique=True)
    last4 = models.CharField(max_length=4)
    extension = models.CharField(max_length=10, blank=True)
    label = models.CharField(max_length=20, blank=True)  # "mobile", "office", …
    region = models.CharField(max_length=2, blank=True)  # ISO region
    time_zone = models.CharField(max_length=40)  # IANA
    is_primary = models.BooleanField(default=False)
    created_at = models.DateTimeField()

    objects = NumberQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="number_one_primary_per_customer",
                fields=["customer"],
                condition=Q(is_primary=True),
            ),
        ]
        indexes = [models.Index(name="number_by_last4", fields=["last4"])]

    def __str__(self) -> str:
        return f"number #{self.pk}"

    @property
    def masked(self) -> str:
        return mask(self.e164)


class OwnershipEvent(models.Model):
    """Each change of owner, with its reason; replaying them gives the present owner."""

    customer = models.ForeignKey(Customer, models.CASCADE)
    from_owner = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    to_owner = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    change = models.CharField(max_length=12, choices=OwnerChange)
    reason = models.CharField(max_length=200, blank=True)
    # Which rule made the change, and in which version; "" and None when a person decided.
    rule = models.CharField(max_length=40, blank=True)
    rule_version = models.PositiveIntegerField(null=True, blank=True)
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(name="ownership_by_customer", fields=["customer", "-at"]),
            # What somebody claimed, and gave back or lost, of late.
            models.Index(
                name="ownership_claims", fields=["to_owner", "at"], condition=Q(change="claimed")
            ),
            models.Index(
                name="ownership_losses",
                fields=["from_owner", "at"],
                condition=Q(to_owner=None),
            ),
        ]

    def __str__(self) -> str:
        return f"ownership #{self.pk} {self.change}"


class Note(models.Model):
    customer = models.ForeignKey(Customer, models.CASCADE)
    text = models.TextField(_("note"), max_length=4000)
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(name="note_by_customer", fields=["customer", "-at"])]

    def __str__(self) -> str:
        return f"note #{self.pk}"


class MergeEvent(models.Model):
    """Two records became one: what was where, so it can be told and undone."""

    kept = models.ForeignKey(Customer, models.CASCADE, related_name="+")
    duplicate = models.ForeignKey(Customer, models.CASCADE, related_name="+")
    reasons = models.JSONField(default=list)  # codes from science.linkage
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField()
    # Rows that came, went or changed: [{"table", "pk", "was", "became"}], see actions.merging.
    changes = models.JSONField(default=list)
    newest = models.JSONField(default=dict)  # table -> the kept record's newest row
    undone_at = models.DateTimeField(null=True, blank=True)
    undone_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    left = models.JSONField(default=dict)  # rules.Left

    class Meta:
        indexes = [models.Index(name="merge_by_kept", fields=["kept", "-at"])]

    def __str__(self) -> str:
        return f"merge #{self.pk}"

    @property
    def what_was_left(self) -> Left:
        return Left(**self.left)


class ViewQuerySet(models.QuerySet["SavedView"]):
    def visible_to(self, user: User) -> ViewQuerySet:
        return self.filter(Q(user=user) | Q(team_id=user.team_id, team__isnull=False))


@pghistory.track()
class SavedView(models.Model):
    """A named list: the filters and order of the URL, kept for oneself or one's team."""

    name = models.CharField(_("name"), max_length=60)
    query = models.CharField(max_length=500)  # the URL's query string
    user = models.ForeignKey(User, models.CASCADE)
    team = models.ForeignKey(Team, models.CASCADE, null=True, blank=True)

    objects = ViewQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name
