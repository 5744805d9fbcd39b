from datetime import timedelta

import pytest

from furrow.compliance.actions import note_consent, note_refusal
from furrow.compliance.rules import Basis, Purpose
from furrow.compliance.tests.make import WEEK, make_policy
from furrow.permits.actions import request_permit
from furrow.permits.simulation import simulate_policy

from .make import MORNING, make_callable, make_permit

pytestmark = pytest.mark.django_db
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def test_past_calls_are_judged_by_new_rules_each_by_the_first_that_refuses() -> None:
    number, agent = make_callable()
    for hours in (0, 1, 7):  # 10:00, 11:00 and 17:00
        make_permit(number=number, agent=agent, spent=True, closed=True, at=MORNING + hours * HOUR)
    request_permit(number=number, agent=agent, by=agent, at=MORNING + 11 * HOUR)  # 21:00: denied
    policy = make_policy(
        windows=[{"weekdays": WEEK, "from": "09:00", "to": "16:00"}],
        number_caps=[{"most": 1, "minutes": 180}],
    )

    told = simulate_policy(region="CN", policy=policy, days=30, at=MORNING + DAY)

    assert (told.made, told.allowed) == (3, 1)
    assert told.refused == {"caps": 1, "hours": 1}
    assert (told.denied, told.freed) == (1, {})

    laxer = make_policy(windows=[{"weekdays": WEEK, "from": "08:00", "to": "22:00"}])
    told = simulate_policy(region="CN", policy=laxer, days=30, at=MORNING + DAY)
    assert (told.made, told.allowed, told.freed) == (3, 3, {"hours": 1})
    assert simulate_policy(region="FR", policy=laxer, days=30, at=MORNING + DAY).made == 0


def test_silence_and_consent_are_simulated_too() -> None:
    number, agent = make_callable()
    make_permit(number=number, agent=agent, spent=True, closed=True, at=MORNING)
    note_refusal(e164=number.e164, origin="call:1", by=agent, at=MORNING - DAY)
    at = MORNING + DAY

    quiet = make_policy(silence_after_refusal_days=3)
    assert simulate_policy(region="CN", policy=quiet, days=2, at=at).refused == {"silence": 1}
    strict = make_policy(consent_for=["sales"])
    assert simulate_policy(region="CN", policy=strict, days=2, at=at).refused == {"consent": 1}
    note_consent(
        e164=number.e164, purpose=Purpose.SALES, is_given=True, basis=Basis.FORM, origin="person",
        by=agent, at=MORNING - HOUR,
    )  # fmt: skip
    assert simulate_policy(region="CN", policy=strict, days=2, at=at).refused == {}
