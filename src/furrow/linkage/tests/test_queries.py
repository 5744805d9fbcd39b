"""SQL finds the candidates that Python would find by looking at everybody."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from furrow.customers.models import Customer
from furrow.customers.tests.make import make_customer
from furrow.linkage import queries
from furrow.linkage.queries import matches_for
from furrow.linkage.rules import MOST_BY_NAME, Probe
from furrow.science.linkage.addresses import address_key
from furrow.science.linkage.names import name_key
from furrow.science.linkage.profiles import Record

pytestmark = pytest.mark.django_db

names = st.sampled_from(["张伟", "張偉", "李娜", "Arnie Morton", "王先生"])
addresses = st.sampled_from(["", "科技园路18号", "南山区科技园路18", "1 Main Street"])
numbers = st.sampled_from(["+8613800138001", "+8613800138002", "+12138570034"])


@settings(
    max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(
    known=st.lists(st.tuples(names, addresses), max_size=5),
    taken=st.sets(numbers),
    name=names,
    address=addresses,
    number=numbers,
)
def test_sql_and_python_find_the_same_candidates(
    known: list[tuple[str, str]], taken: set[str], name: str, address: str, number: str
) -> None:
    Customer.objects.all().delete()
    free = sorted(taken)
    customers = [
        make_customer(name=one, address=door, numbers=[free.pop()] if free else [])
        for one, door in known
    ]
    probe = Probe(Record(7, name=name, address=address, numbers=(number,)))

    found = queries._candidates([probe]).get(7, set())

    assert found == {
        customer.pk
        for customer in customers
        if customer.numbers.filter(e164=number).exists()
        or (name_key(name) and name_key(customer.name) == name_key(name))
        or (address_key(address) and address_key(customer.address) == address_key(address))
    }


def test_whoever_has_the_number_is_answered_however_different() -> None:
    customer = make_customer(name="李娜", numbers=["+8613800138001"])

    [match] = matches_for([Probe(Record(1, name="张伟", numbers=("+8613800138001",)))])[1]

    assert (match.customer_id, match.shares_number, match.is_same) == (customer.pk, True, False)


def test_a_name_that_many_share_brings_nobody_together() -> None:
    for _number in range(MOST_BY_NAME + 1):
        make_customer(name="张伟", numbers=[])

    assert queries._candidates([Probe(Record(1, name="张伟"))]) == {}


def test_a_merged_record_is_never_answered() -> None:
    kept, duplicate = make_customer(name="张伟"), make_customer(name="张伟", address="张江路18号")
    duplicate.merged_into = kept
    duplicate.save()

    found = matches_for([Probe(Record(1, name="张伟", address="张江路18号"))])

    assert duplicate.pk not in {match.customer_id for match in found.get(1, [])}
