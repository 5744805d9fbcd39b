"""What the network's answers mean."""

import pytest

from furrow.telephony.outcomes import SIP_OUTCOMES, LineOutcome, classify_unanswered


def classify(
    *,
    sip: int | None = None,
    q850: int | None = None,
    cancelled: bool = False,
    ended_by_far: bool = True,
    rang: bool = True,
    overrides: dict[int, LineOutcome] | None = None,
) -> LineOutcome:
    return classify_unanswered(
        cancelled=cancelled,
        ended_by_far=ended_by_far,
        rang=rang,
        sip=sip,
        q850=q850,
        overrides=overrides or {},
    )


@pytest.mark.parametrize(
    ("sip", "outcome"),
    [
        (404, LineOutcome.EMPTY_NUMBER),
        (604, LineOutcome.EMPTY_NUMBER),
        (480, LineOutcome.SWITCHED_OFF),
        (502, LineOutcome.OUT_OF_SERVICE),
        (486, LineOutcome.BUSY),
        (603, LineOutcome.REFUSED),
    ],
)
def test_a_number_speaks_for_itself(sip: int, outcome: LineOutcome) -> None:
    assert classify(sip=sip) is outcome


@pytest.mark.parametrize("sip", [400, 401, 402, 407, 408, 415, 420, 483, 488, 500, 501, 503, 504])
def test_a_trunk_fault_is_never_blamed_on_the_number(sip: int) -> None:
    assert classify(sip=sip) is LineOutcome.CARRIER_FAULT


def test_our_own_time_out_is_not_the_networks_480() -> None:
    assert classify(sip=480, q850=19, ended_by_far=False) is LineOutcome.NO_ANSWER


def test_silence_until_the_time_out_is_a_dead_trunk() -> None:
    assert classify(sip=480, ended_by_far=False, rang=False) is LineOutcome.CARRIER_FAULT


def test_we_cancelled_whatever_the_network_said_then() -> None:
    assert classify(sip=487, cancelled=True) is LineOutcome.CANCELLED


def test_a_trunk_may_speak_its_own_dialect() -> None:
    dialect = {480: LineOutcome.EMPTY_NUMBER}

    assert classify(sip=480, overrides=dialect) is LineOutcome.EMPTY_NUMBER
    assert classify(sip=486, overrides=dialect) is LineOutcome.BUSY


def test_without_a_sip_status_the_q850_cause_decides() -> None:
    assert classify(q850=1) is LineOutcome.EMPTY_NUMBER
    assert classify(q850=38) is LineOutcome.CARRIER_FAULT
    assert classify() is LineOutcome.CARRIER_FAULT


def test_no_status_of_the_table_means_an_answer() -> None:
    assert not {LineOutcome.ANSWERED, LineOutcome.MACHINE} & set(SIP_OUTCOMES.values())
