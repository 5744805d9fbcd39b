"""Which of our numbers a call comes from, and what happens when none is free."""

from datetime import UTC, datetime

import pytest

from furrow.calls.models import Call
from furrow.campaigns.rules import DialMode
from furrow.compliance.actions import set_policy
from furrow.compliance.tests.make import WEEK, make_body
from furrow.dialer.actions import begin_reign, dial_lease, take_from_pool
from furrow.dialer.models import Lease
from furrow.dialer.queries import Dial
from furrow.lines.models import Use
from furrow.lines.tests.make import make_pool
from furrow.organisation.tests.make import make_user

from .make import make_dialled_campaign, make_pooled

pytestmark = pytest.mark.django_db
AT = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)


def test_a_dialled_call_comes_from_a_number_of_ours_and_waits_when_none_is_free() -> None:
    always = [{"weekdays": WEEK, "from": "00:00", "to": "24:00"}]
    set_policy(region="CN", body=make_body(windows=always), note="", by=make_user(), at=AT)
    pool = make_pool(numbers=1, most_per_hour=1, most_per_day=1)
    campaign = make_dialled_campaign(mode=DialMode.PREDICTIVE)
    for _ in range(2):
        make_pooled(campaign=campaign)
    reign = begin_reign(at=AT)
    first, second = take_from_pool(campaign=campaign, most=2, reign=reign, at=AT)

    dial = dial_lease(lease_id=first.lease_id, reign=reign, at=AT)
    none = dial_lease(lease_id=second.lease_id, reign=reign, at=AT)

    assert isinstance(dial, Dial)
    assert dial.caller_id == pool.caller_ids.get().e164
    assert Use.objects.get().call_ref == Call.objects.get().pk
    assert none is None
    lease = Lease.objects.select_related("target").get(pk=second.lease_id)
    assert lease.why == "lines"
    assert lease.target is not None
    assert lease.target.not_before is not None
