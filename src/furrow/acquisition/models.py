"""Where customers come from: sources, imported lists, and the lead each row became."""

from __future__ import annotations

import pghistory
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from furrow.customers.models import Customer
from furrow.organisation.models import Team, User
from furrow.organisation.rules import Act, Scope

from .rules import DOUBTS, PROBLEMS, BatchState, Choice, Finding, LegalBasis, RowState, SourceKind


class SourceQuerySet(models.QuerySet["Source"]):
    def visible_to(self, user: User) -> SourceQuerySet:
        return self if user.can(Act.VIEW_CUSTOMERS) else self.none()


@pghistory.track()
class Source(models.Model):
    """A place numbers come from; answers "where did you get my number?" (A5)."""

    name = models.CharField(_("name"), max_length=80, unique=True)
    kind = models.CharField(_("kind"), max_length=12, choices=SourceKind, default=SourceKind.FILE)
    legal_basis = models.CharField(
        _("legal basis"), max_length=16, choices=LegalBasis, default=LegalBasis.CONSENT
    )
    purpose = models.CharField(_("purpose"), max_length=200, blank=True)
    # How the columns of its files were read last time: {"header": "field"}.
    mapping = models.JSONField(default=dict, blank=True)
    region = models.CharField(_("region of numbers"), max_length=2, blank=True)  # "" = default
    # Whose pool those enter who come one by one; None = as the door says.
    team = models.ForeignKey(
        Team, models.PROTECT, null=True, blank=True, verbose_name=_("team whose pool they enter")
    )
    # Whether they are dealt to people of their team who are at work, as soon as they come.
    is_dealt = models.BooleanField(_("deal them at once"), default=False, db_default=False)
    # Whom we want from it (A2): {"kind": "person", "cities": [...], "categories": [...]}; what is
    # absent or empty is anybody.
    target = models.JSONField(default=dict, blank=True, db_default={})
    created_at = models.DateTimeField()

    objects = SourceQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name


class BatchQuerySet(models.QuerySet["Batch"]):
    def visible_to(self, user: User) -> BatchQuerySet:
        return self if user.can(Act.IMPORT) else self.none()


@pghistory.track(exclude=["progress", "counts", "findings"])
class Batch(models.Model):
    """One imported file: checked first, then carried out by a job that can be resumed."""

    source = models.ForeignKey(Source, models.PROTECT)
    file_name = models.CharField(max_length=200)  # as uploaded, for people
    file_path = models.CharField(max_length=300)  # below MEDIA_ROOT; "" once deleted
    sheet = models.CharField(max_length=80, blank=True)
    header_row = models.SmallIntegerField(default=0)  # -1 = none; see science.linkage.files
    headers = models.JSONField(default=list)
    mapping = models.JSONField(default=dict)  # {"header": "field"}; unmapped headers absent
    region = models.CharField(max_length=2)  # of numbers without country code
    kind = models.CharField(max_length=12, blank=True)  # customers.rules.Kind; "" = row by row
    team = models.ForeignKey(Team, models.PROTECT, null=True, blank=True)  # whose pool
    # What to do with rows of a class: {Finding: Choice}; absent = rules.USUAL_CHOICES.
    choices = models.JSONField(default=dict)
    state = models.CharField(max_length=10, choices=BatchState, default=BatchState.UPLOADED)
    stopped_in = models.CharField(max_length=10, blank=True)  # the working state it stopped in
    # {"phase": "reading", "done": 400, "of": 864}
    progress = models.JSONField(default=dict)
    # After the check: Finding -> rows and problem -> rows. After the import: RowState -> rows,
    # adding up to `rows`. After undoing also "deleted", "withdrawn", "left".
    findings = models.JSONField(default=dict)
    counts = models.JSONField(default=dict)
    rows = models.PositiveIntegerField(default=0)
    error = models.CharField(max_length=300, blank=True)  # why it failed, for people
    cost_minor = models.BigIntegerField(default=0)  # what the list cost, in fen (A2)
    # Given back by the seller: why, and how much of the cost was refunded, in fen.
    return_reason = models.CharField(max_length=200, blank=True, db_default="")
    refunded_minor = models.BigIntegerField(default=0, db_default=0)
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = BatchQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(name="batch_by_created", fields=["-created_at"])]

    def __str__(self) -> str:
        return f"batch #{self.pk}"


class RowQuerySet(models.QuerySet["Row"]):
    def visible_to(self, user: User) -> RowQuerySet:
        return self if user.can(Act.IMPORT) else self.none()

    def waiting(self) -> RowQuerySet:
        """Those a job has still to deal with, in the order of the file."""
        return self.filter(state=RowState.READ).order_by("line")


class Row(models.Model):
    """One line of a file on its way in, as given and as understood. What becomes a lead is a row
    no more; the others stay until some time after the import."""

    batch = models.ForeignKey(Batch, models.CASCADE, related_name="row_set", db_index=False)
    line = models.PositiveIntegerField()  # 1-based data row in the file
    cells = ArrayField(models.TextField())  # exactly as they stood; one for each header or more
    facts = models.JSONField(default=dict)  # rules.Reading.facts
    numbers = ArrayField(models.CharField(max_length=20), default=list)  # E.164
    # Values that bring rows together; see linkage.rules.keys_of.
    keys = ArrayField(models.CharField(max_length=220), default=list)
    # As Customer's: made once while reading, so that rows become customers inside PostgreSQL.
    grams = ArrayField(models.CharField(max_length=24), default=list)
    sort_key = models.CharField(max_length=60, default="")
    name_key = models.CharField(max_length=200, default="")
    address_key = models.CharField(max_length=200, default="")
    problem = models.CharField(max_length=40, db_default="")  # code; see rules.PROBLEMS
    # While the list is being checked: what it is as long as nobody turns out to be like it.
    finding = models.CharField(max_length=8, choices=Finding, db_default=Finding.NEW)
    choice = models.CharField(max_length=10, choices=Choice, db_default="")  # of this row alone
    repeats = models.PositiveIntegerField(null=True, blank=True)  # the earlier line it repeats
    match_reasons = models.JSONField(db_default=[])  # codes; why it is known, repeated or doubtful
    weight = models.FloatField(db_default=0)  # of the match, in bits
    state = models.CharField(max_length=10, choices=RowState, db_default=RowState.READ)
    # The known customer it matches.
    customer = models.ForeignKey(
        Customer, models.SET_NULL, null=True, blank=True, related_name="+", db_index=False
    )

    objects = RowQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(name="row_once_per_line", fields=["batch", "line"])]
        indexes = [
            models.Index(
                name="row_to_look_at",
                fields=["batch", "finding", "line"],
                condition=~Q(finding="new"),
            ),
            models.Index(
                name="row_by_customer", fields=["customer"], condition=Q(customer__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"row {self.line} of batch #{self.batch_id}"

    @property
    def problem_text(self) -> str:
        return str(PROBLEMS.get(self.problem) or DOUBTS.get(self.problem, self.problem))

    @property
    def given(self) -> dict[str, str]:
        """Every cell under its header."""
        return dict(zip(self.batch.headers, self.cells, strict=False))


class Hint(models.Model):
    """Whom a row may be, before anybody has compared them. Gone when the check is done."""

    batch = models.ForeignKey(Batch, models.CASCADE, related_name="+", db_index=False)
    line = models.PositiveIntegerField()
    lines = ArrayField(models.IntegerField(), default=list)  # earlier ones that share a key
    customers = ArrayField(models.BigIntegerField(), default=list)

    class Meta:
        constraints = [models.UniqueConstraint(name="hint_once_per_line", fields=["batch", "line"])]

    def __str__(self) -> str:
        return f"hint for row {self.line} of batch #{self.batch_id}"


class LeadQuerySet(models.QuerySet["Lead"]):
    def visible_to(self, user: User) -> LeadQuerySet:
        if user.scope(Act.VIEW_CUSTOMERS) is Scope.ALL:
            return self
        return self.filter(customer__in=Customer.objects.visible_to(user))


# A new lead is its own record; only what happens to it later needs a history.
@pghistory.track(pghistory.UpdateEvent(), pghistory.DeleteEvent(), exclude=["given"])
class Lead(models.Model):
    """A chance to sell to somebody: one origin of one customer. A customer may have several."""

    # Each begins one of the indexes below.
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="leads", db_index=False)
    source = models.ForeignKey(Source, models.PROTECT, db_index=False)
    batch = models.ForeignKey(Batch, models.PROTECT, null=True, blank=True, db_index=False)
    line = models.PositiveIntegerField(null=True, blank=True)
    given = models.JSONField(default=dict)  # every fact as this origin gave it (B2)
    # Whether this lead made the customer or was joined to one already known.
    is_first = models.BooleanField(default=True)
    match_reasons = models.JSONField(default=list)
    # What joining changed, so that it can be taken back: {"numbers": [ids], "set": {"city":
    # ["before", "after"], "profile": {"wechat": ["", "after"]}}}.
    changes = models.JSONField(default=dict)
    # How it came, when it came one by one; see rules.Basis.
    basis = models.JSONField(default=dict, db_default={})
    at = models.DateTimeField()

    objects = LeadQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="lead_once_per_line",
                fields=["batch", "line"],
                condition=Q(batch__isnull=False),
            )
        ]
        indexes = [
            models.Index(name="lead_by_customer", fields=["customer", "at"]),
            models.Index(name="lead_by_source", fields=["source", "-at"]),
        ]

    def __str__(self) -> str:
        return f"lead #{self.pk}"
