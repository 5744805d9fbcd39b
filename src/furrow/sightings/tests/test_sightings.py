from datetime import datetime, timedelta

import pytest
from django.conf import LazySettings
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from furrow.audit.models import Event
from furrow.customers.models import Customer
from furrow.customers.tests.make import make_customer, make_e164, number_of
from furrow.organisation.actions import change_rights, create_token
from furrow.organisation.models import User
from furrow.organisation.rights import rights_with
from furrow.organisation.rules import Role
from furrow.organisation.tests.make import NOON, make_agent, make_team, make_user
from furrow.sightings.actions import (
    forget_sightings,
    note_opened,
    plant,
    settle_alert,
    watch,
)
from furrow.sightings.models import Alert, Planted, Sighting
from furrow.sightings.rules import AlertKind, CannotSettle, TooManyOpened

pytestmark = pytest.mark.django_db


def limit_views(role: Role, most: int) -> None:
    change_rights(
        rights=rights_with({"limits": {role: {"views": most}}}, version=0),
        reason="test", version=0, by=make_user(role=Role.ADMINISTRATOR), at=NOON,
    )  # fmt: skip


def make_planted(by: User | None = None) -> Planted:
    by = by or make_user(role=Role.ADMINISTRATOR)
    return plant(name="周静", number=make_e164(), city="", team=None, by=by, at=NOON)


# -- writing down ----------------------------------------------------------------------------------


def test_opening_a_record_is_written_down_once_a_day_and_looks_again_are_counted(
    client: Client,
) -> None:
    agent = make_agent()
    customer = make_customer(owner=agent)
    client.force_login(agent)

    for _look in range(3):
        assert client.get(reverse("customer", args=[customer.pk])).status_code == 200

    sighting = Sighting.objects.get()
    assert (sighting.user, sighting.customer, sighting.looks) == (agent, customer, 3)
    assert (sighting.is_own, sighting.where) == (True, "customer")
    assert Event.objects.about(customer).filter(what="customer.opened").count() == 1


def test_a_list_opens_nobody(client: Client) -> None:
    agent = make_agent()
    make_customer(owner=agent)
    client.force_login(agent)

    client.get(reverse("customers"))

    assert not Sighting.objects.exists()


def test_the_api_opens_everybody_it_tells_of(client: Client) -> None:
    user = make_user(role=Role.OPERATIONS)
    customers = {make_customer().pk, make_customer().pk}
    _token, secret = create_token(name="test", user=user, by=user, at=NOON)

    answer = client.get("/api/v1/customers", headers={"Authorization": f"Bearer {secret}"})

    assert answer.status_code == 200
    assert set(Sighting.objects.values_list("customer_id", flat=True)) == customers
    assert not Sighting.objects.filter(is_own=True).exists()


# -- the day's limit -------------------------------------------------------------------------------


def test_beyond_the_days_limit_the_answer_does_not_leave(client: Client) -> None:
    limit_views(Role.AGENT, 2)
    agent = make_agent()
    first, second, third = (make_customer(owner=agent, name=f"客户{n}号") for n in "一二三")
    client.force_login(agent)

    statuses = [
        client.get(reverse("customer", args=[one.pk])).status_code for one in (first, second, first)
    ]
    refused = client.get(reverse("customer", args=[third.pk]))

    assert statuses == [200, 200, 200]  # who was opened today may be opened again
    assert refused.status_code == 409
    assert "客户三号" not in refused.content.decode()
    assert b"2 customers today" in refused.content
    assert not Sighting.objects.filter(customer=third).exists()
    assert Alert.objects.get().kind == AlertKind.LIMIT


def test_the_limit_holds_for_keys_and_says_so_in_json(client: Client) -> None:
    limit_views(Role.OPERATIONS, 1)
    user = make_user(role=Role.OPERATIONS)
    make_customer()
    make_customer()
    _token, secret = create_token(name="test", user=user, by=user, at=NOON)

    answer = client.get("/api/v1/customers", headers={"Authorization": f"Bearer {secret}"})

    assert answer.status_code == 409
    assert answer.json()["rule"] == "I2"


def test_a_new_day_begins_anew() -> None:
    limit_views(Role.AGENT, 1)
    agent = make_agent()
    one, other = make_customer(owner=agent), make_customer(owner=agent)
    note_opened(customers=[one.pk], where="customer", by=agent, at=NOON)

    with pytest.raises(TooManyOpened):
        note_opened(customers=[other.pk], where="customer", by=agent, at=NOON)
    note_opened(customers=[other.pk], where="customer", by=agent, at=NOON + timedelta(days=1))

    assert Sighting.objects.count() == 2


# -- planted records -------------------------------------------------------------------------------


def test_whoever_opens_a_planted_record_is_told_of_at_once(client: Client) -> None:
    planted = make_planted()
    manager = make_user(role=Role.MANAGER)
    client.force_login(manager)

    client.get(reverse("customer", args=[planted.customer_id]))
    client.get(reverse("customer", args=[planted.customer_id]))

    alert = Alert.objects.get()
    assert (alert.kind, alert.user, alert.customer) == (
        AlertKind.PLANTED, manager, planted.customer,
    )  # fmt: skip
    assert (alert.times, alert.evidence) == (2, {"where": "customer"})
    assert Event.objects.get(what="alert.raised").details["kind"] == AlertKind.PLANTED


def test_revealing_its_number_alerts_too(client: Client) -> None:
    planted = make_planted()
    client.force_login(make_user(role=Role.MANAGER))

    client.post(reverse("number-reveal", args=[number_of(planted.customer).pk]))

    assert Alert.objects.get().evidence == {"where": "number-reveal"}


def test_calling_it_is_refused_by_the_gate_and_alerts(client: Client) -> None:
    team = make_team()
    by = make_user(role=Role.ADMINISTRATOR)
    planted = plant(name="周静", number=make_e164(), city="", team=team, by=by, at=NOON)
    client.force_login(make_agent(team=team))

    answer = client.post(reverse("desk-call"), {"number": number_of(planted.customer).pk})

    assert answer.status_code == 409
    assert Alert.objects.get().evidence == {"where": "desk-call"}


def test_who_planted_it_may_look_and_it_is_in_no_pool_and_may_not_be_called() -> None:
    by = make_user(role=Role.ADMINISTRATOR)
    planted = make_planted(by)
    note_opened(customers=[planted.customer_id], where="customer", by=by, at=NOON)

    assert not Alert.objects.exists()
    everybody = Customer.objects.filter(pk=planted.customer_id)
    assert everybody.visible_to(make_user(role=Role.QA)).exists()
    assert not everybody.in_pool().exists()
    assert not everybody.callable().exists()


# -- unusual looking -------------------------------------------------------------------------------


def look(
    user: User, customers: int, *, at: datetime | None = None, every: int = 1, owner: bool = False
) -> None:
    began = at or timezone.now().replace(hour=2)  # 10 in Shanghai
    rows = []
    for n in range(customers):
        when = began + timedelta(seconds=n * every)
        rows.append(
            Sighting(
                user=user, customer=make_customer(team=user.team), on=timezone.localdate(when),
                first_at=when, last_at=when, is_own=owner, where="customer",
            )
        )  # fmt: skip
    Sighting.objects.bulk_create(rows)


def test_a_fast_harvest_of_foreign_customers_is_found_with_its_evidence() -> None:
    agent = make_agent()
    look(agent, 70, every=10)

    assert watch(at=timezone.now()) == 3
    assert watch(at=timezone.now()) == 0  # run twice, told once

    alerts = {alert.kind: alert.evidence for alert in Alert.objects.all()}
    assert alerts[AlertKind.FAST] == {"opened": 61, "minutes": 10}
    assert alerts[AlertKind.FOREIGN] == {"foreign": 70, "opened": 70}
    assert alerts[AlertKind.MANY] == {"opened": 70, "own": 0, "peers": 0}


def test_a_usual_day_is_quiet() -> None:
    agent = make_agent()
    for days in (1, 2, 3):
        look(agent, 25, at=timezone.now().replace(hour=2) - timedelta(days=days), owner=True)
    look(agent, 62, every=300, at=timezone.now().replace(hour=2, minute=0), owner=True)
    Sighting.objects.filter(on=timezone.localdate()).update(is_own=True)

    assert watch(at=timezone.now()) == 0


# -- pages -----------------------------------------------------------------------------------------


def test_an_alert_is_looked_into_by_somebody_else_and_says_what_it_was(client: Client) -> None:
    planted, manager = make_planted(), make_user(role=Role.MANAGER)
    agent = make_user(role=Role.QA)
    note_opened(customers=[planted.customer_id], where="customer", by=agent, at=timezone.now())
    alert = Alert.objects.get()
    client.force_login(manager)

    assert b"planted record" in client.get(reverse("alerts")).content
    assert client.get(reverse("alert", args=[alert.pk])).status_code == 200
    client.post(reverse("alert-settle", args=[alert.pk]), {"finding": "a training"})

    assert b"a training" in client.get(reverse("alerts") + "?show=settled").content
    assert b"a training" not in client.get(reverse("alerts")).content
    with pytest.raises(CannotSettle):
        settle_alert(alert=alert, finding=" ", by=manager, at=NOON)


def test_nobody_sees_alerts_about_himself(client: Client) -> None:
    planted, manager = make_planted(), make_user(role=Role.MANAGER)
    note_opened(customers=[planted.customer_id], where="customer", by=manager, at=timezone.now())

    assert not Alert.objects.visible_to(manager).exists()
    assert Alert.objects.visible_to(make_user(role=Role.ADMINISTRATOR)).exists()
    assert not Alert.objects.visible_to(make_agent()).exists()


def test_an_administrator_plants_on_the_page(client: Client) -> None:
    client.force_login(make_user(role=Role.ADMINISTRATOR))

    answer = client.post(
        reverse("planted"), {"name": "周静", "number": make_e164(), "city": "", "team": ""}
    )

    assert answer.status_code == 302
    assert "周静" in client.get(reverse("planted")).content.decode()
    assert client.post(reverse("planted"), {"name": "", "number": "1"}).status_code == 200


# -- forgetting ------------------------------------------------------------------------------------


def test_sightings_are_forgotten_after_their_time_and_the_trail_is_not(
    settings: LazySettings,
) -> None:
    settings.KEEP_SIGHTINGS_DAYS = 90
    agent = make_agent()
    old, young = make_customer(owner=agent), make_customer(owner=agent)
    note_opened(customers=[old.pk], where="customer", by=agent, at=NOON)
    note_opened(customers=[young.pk], where="customer", by=agent, at=NOON + timedelta(days=1))

    assert forget_sightings(at=NOON + timedelta(days=91), most=1) == 1
    assert forget_sightings(at=NOON + timedelta(days=91)) == 0

    assert Sighting.objects.get().customer == young
    assert Event.objects.filter(what="customer.opened").count() == 2
