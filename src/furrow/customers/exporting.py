"""Customers as something that can be exported: which columns, which rows, as whom (see exports)."""

import hashlib
from collections.abc import Collection, Iterator, Sequence
from itertools import islice

from django.db.models import Q
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from furrow.exports.kinds import Column, Kind, What
from furrow.organisation.models import User

from .filters import filters
from .models import Customer, CustomerQuerySet
from .queries import filtered, masked_numbers
from .showing import Shown, shown_to

COLUMNS = (
    Column("id", _("Id")),
    Column("name", _("Name")),
    Column("kind", _("Kind")),
    Column("number", _("Phone")),
    Column("city", _("City")),
    Column("address", _("Address"), is_usual=False),
    Column("email", _("E-mail"), is_usual=False),
    Column("category", _("Category")),
    Column("owner", _("Owner")),
    Column("team", _("Team")),
    Column("last_touch", _("Last touch")),
)
_AT_ONCE = 1000


def _chosen(user: User, what: What) -> CustomerQuerySet:
    customers = filtered(user, QueryDict(what.query))
    return customers if what.ids is None else customers.filter(pk__in=what.ids)


def count(user: User, what: What) -> int:
    """Planted ones count: a sum that lacks them would give them away."""
    return _chosen(user, what).order_by().count()


def rows(
    user: User, what: What, columns: Sequence[str], baits: Collection[int]
) -> Iterator[list[object]]:
    """As `user` may see them, with the baits among them, in the order of recording. Of planted
    records a filter would take all: each file has its own of them; who ticks one gets it."""
    chosen = _chosen(user, what).values("pk")
    if what.ids is None:
        chosen = chosen.filter(is_planted=False)
    everybody = Customer.objects.filter(Q(pk__in=chosen) | Q(pk__in=list(baits)))
    found = everybody.select_related("owner", "team").order_by("pk").iterator(chunk_size=_AT_ONCE)
    while page := list(islice(found, _AT_ONCE)):
        numbers = masked_numbers([customer.pk for customer in page])
        for shown in shown_to(user, page):
            cells = _cells(shown, numbers.get(shown.id, ""))
            yield [cells[name] for name in columns]


def _cells(shown: Shown, number: str) -> dict[str, object]:
    customer = shown.customer
    at = timezone.localtime(customer.last_touch_at) if customer.last_touch_at else None
    return {
        "id": shown.id, "name": shown.name, "kind": customer.get_kind_display(),
        "number": number, "city": shown.city, "address": shown.address, "email": shown.email,
        "category": shown.category, "owner": str(customer.owner or ""),
        "team": str(customer.team or ""), "last_touch": f"{at:%Y-%m-%d %H:%M}" if at else "",
    }  # fmt: skip


def baits(mark: int, most: int) -> list[int]:
    """Planted records for a file: each mark draws others, so the file is known by them too."""
    planted = Customer.objects.filter(is_planted=True, merged_into=None).order_by()

    def lot(pk: int) -> str:
        return hashlib.sha256(f"{mark}:{pk}".encode()).hexdigest()

    return sorted(sorted(planted.values_list("pk", flat=True), key=lot)[:most])


def describe(user: User, what: What) -> str:
    if what.ids is not None:
        count = len(what.ids)
        return ngettext("%(count)d customer picked by hand", "%(count)d customers picked by hand",
                        count) % {"count": count}  # fmt: skip
    params = QueryDict(what.query)
    used = []
    for known in filters():
        if value := params.get(known.name, "").strip():
            labels = dict(known.choices(user)) if known.choices else {}
            used.append(f"{known.label}: {labels.get(value, value)}")
    return "; ".join(used) or _t("Every customer the asker may see")


KIND = Kind(
    name="customers",
    label=_("Customers"),
    columns=COLUMNS,
    marked="name",
    count=count,
    rows=rows,
    baits=baits,
    describe=describe,
)
