import pytest

from furrow.customers.tests.machine import Machine
from furrow.customers.tests.make import make_customer
from furrow.organisation.rules import Role
from furrow.organisation.tests.make import make_agent, make_user
from furrow.pipeline.models import Standing

pytestmark = pytest.mark.django_db


def test_scores() -> None:
    machine = Machine(make_user(role=Role.OPERATIONS))
    customer = make_customer()
    assert machine.get(f"/{customer.pk}/standing").status_code == 404
    scored = machine.post(f"/{customer.pk}/scores", score="cp", value=4).json()
    assert (scored["stage"], scored["cp"]) == ("acquisition", 4)
    assert machine.post(f"/{customer.pk}/scores", score="cp", value=6).status_code == 422
    assert machine.get(f"/{customer.pk}/standing").json() == scored
    assert Standing.objects.get(customer=customer).cp == 4


def test_strangers_see_no_standing() -> None:
    customer = make_customer()
    Machine(make_user(role=Role.OPERATIONS)).post(f"/{customer.pk}/scores", score="pi", value=1)
    Standing.objects.get(customer=customer)
    stranger = make_agent()
    assert not Standing.objects.visible_to(stranger).exists()
