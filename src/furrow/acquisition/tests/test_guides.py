"""Two real restaurant guides, imported as two sources: duplicates across them become one."""

import csv
from itertools import product

import pytest
from django.utils import timezone

from furrow.acquisition.actions import set_mapping
from furrow.acquisition.models import Batch, Lead
from furrow.acquisition.rules import BatchState
from furrow.customers.models import Customer
from furrow.organisation.rules import Role
from furrow.organisation.tests.make import make_user

from .make import GUIDES, carry_out, make_list, make_source

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(
        not (GUIDES / "jedai_restaurantProfiles.csv").exists(),
        reason="needs ../shared/data/er-fodors-zagats, which this machine does not have",
    ),
]

FODORS = ("name", "addr", "phone", "city", "type")
ZAGAT = ("餐厅名称", "地址", "电话", "城市", "菜系")


def guides() -> tuple[
    list[list[str]], list[list[str]], dict[int, tuple[str, int]], set[tuple[int, int]]
]:
    """Rows of both guides, where each restaurant stands (guide, line), and the true pairs."""
    with (GUIDES / "jedai_restaurantProfiles.csv").open(encoding="utf-8") as file:
        restaurants = list(csv.DictReader(file, delimiter="|"))
    lines = (GUIDES / "jedai_duplicates.csv").read_text().split()
    pairs = {tuple(int(part) for part in line.split("|")) for line in lines}
    seconds = {second for _first, second in pairs}
    rows: dict[str, list[list[str]]] = {"fodors": [], "zagat": []}
    where = {}
    for number, restaurant in enumerate(restaurants):
        alternate = number >= 2 * len(pairs) and number % 2
        guide = "zagat" if int(restaurant["id"]) in seconds or alternate else "fodors"
        rows[guide].append([restaurant[key] for key in FODORS])
        where[int(restaurant["id"])] = guide, len(rows[guide])
    return rows["fodors"], rows["zagat"], where, pairs  # type: ignore[return-value]


def test_duplicates_across_two_guides_become_one_customer_with_both_origins() -> None:
    fodors, zagat, where, pairs = guides()
    operations = make_user(role=Role.OPERATIONS)
    batches: dict[str, Batch] = {}
    for name, rows, headers in (("fodors", fodors, FODORS), ("zagat", zagat, ZAGAT)):
        source = make_source(name=name, region="US", by=operations)
        batch = make_list(rows, headers=headers, delimiter="|", source=source, by=operations)
        if "name" not in batch.mapping.values():  # a person corrects what was guessed
            correct = {**batch.mapping, "餐厅名称": "name", "菜系": "category"}
            batch = set_mapping(
                batch=batch, mapping=correct, kind="", region="US", by=operations,
                at=timezone.now(),
            )  # fmt: skip
        batch = carry_out(batch)
        assert batch.state == BatchState.DONE
        assert sum(batch.counts.values()) == len(rows)
        batches[name] = batch

    customer = {
        (guide, line): pk
        for guide, batch in batches.items()
        for line, pk in Lead.objects.filter(batch=batch).values_list("line", "customer_id")
        if line is not None
    }
    found = {pair for pair in pairs if _joined(pair, where, customer)}
    ours = {pk: number for number, pk in enumerate(Customer.objects.values_list("pk", flat=True))}
    together: dict[int, tuple[list[int], list[int]]] = {pk: ([], []) for pk in ours}
    for restaurant, place in where.items():
        if place in customer:
            together[customer[place]][place[0] == "zagat"].append(restaurant)
    false = {
        (first, second)
        for one, other in together.values()
        for first, second in product(one, other)
        if (first, second) not in pairs and (second, first) not in pairs
    }
    failed = sum(batch.counts["failed"] for batch in batches.values())
    print(f"{len(found)} of {len(pairs)} found, {len(false)} false, {failed} failed")  # noqa: T201
    assert len(found) >= 108, sorted(pairs - found)
    assert len(false) <= 2, false
    assert failed <= 1
    both = Lead.objects.filter(customer__in=[customer[where[a]] for a, _b in found])
    assert {lead.source.name for lead in both.select_related("source")} == {"fodors", "zagat"}


def _joined(
    pair: tuple[int, int],
    where: dict[int, tuple[str, int]],
    customer: dict[tuple[str, int], int],
) -> bool:
    first, second = (customer.get(where[restaurant]) for restaurant in pair)
    return first is not None and first == second
