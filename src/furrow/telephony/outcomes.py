"""What the line said, in Furrow's words, and how a SIP carrier says it."""

from collections.abc import Mapping
from enum import StrEnum


class LineOutcome(StrEnum):
    """How one leg ended. Every leg has exactly one."""

    ANSWERED = "answered"  # somebody picked up, whatever followed
    NO_ANSWER = "no_answer"  # it rang out
    BUSY = "busy"
    REFUSED = "refused"  # rejected by hand, or the number blocks us
    EMPTY_NUMBER = "empty_number"  # 空号: nobody has this number
    SWITCHED_OFF = "switched_off"  # 关机, or out of coverage
    OUT_OF_SERVICE = "out_of_service"  # 停机: the number exists, its service does not
    MACHINE = "machine"  # an answering machine or voicemail picked up
    CANCELLED = "cancelled"  # we hung up before anybody answered
    CARRIER_FAULT = "carrier_fault"  # the trunk failed; says nothing about the number
    INTERRUPTED = "interrupted"  # the switch went down before the answer was known


# SIP final status -> outcome. Only what a number's own network says may speak of the number;
# every status missing here is the trunk's trouble (credentials, codecs, congestion, nonsense).
# Source: RFC 3261 section 21, checked status by status against Asterisk 22.
SIP_OUTCOMES: Mapping[int, LineOutcome] = {
    403: LineOutcome.REFUSED,
    404: LineOutcome.EMPTY_NUMBER,
    410: LineOutcome.EMPTY_NUMBER,
    480: LineOutcome.SWITCHED_OFF,
    484: LineOutcome.EMPTY_NUMBER,  # incomplete: as written it reaches nobody
    485: LineOutcome.EMPTY_NUMBER,
    486: LineOutcome.BUSY,
    502: LineOutcome.OUT_OF_SERVICE,
    600: LineOutcome.BUSY,
    603: LineOutcome.REFUSED,
    604: LineOutcome.EMPTY_NUMBER,
    607: LineOutcome.REFUSED,
    608: LineOutcome.REFUSED,
}

# ITU-T Q.850 cause -> outcome, for switches that do not pass the SIP status on. The same law:
# what is missing here is the trunk's trouble.
Q850_OUTCOMES: Mapping[int, LineOutcome] = {
    1: LineOutcome.EMPTY_NUMBER,
    17: LineOutcome.BUSY,
    18: LineOutcome.NO_ANSWER,
    19: LineOutcome.NO_ANSWER,
    20: LineOutcome.SWITCHED_OFF,
    21: LineOutcome.REFUSED,
    22: LineOutcome.EMPTY_NUMBER,
    27: LineOutcome.OUT_OF_SERVICE,
    28: LineOutcome.EMPTY_NUMBER,
}


def classify_unanswered(
    *,
    cancelled: bool,
    ended_by_far: bool,
    rang: bool,
    sip: int | None,
    q850: int | None,
    overrides: Mapping[int, LineOutcome] = {},
) -> LineOutcome:
    """Name the end of a leg that nobody answered.

    cancelled     we hung up while it rang
    ended_by_far  the network sent a final answer; otherwise our own time-out ended the leg,
                  which some switches report exactly like the network's 480
    rang          ringing or early media came back; silence until the time-out is a dead trunk
    sip, q850     final SIP status and Q.850 cause, None when unknown
    overrides     SIP status -> outcome of this trunk, where a carrier differs from the table
    """
    if cancelled:
        return LineOutcome.CANCELLED
    if not ended_by_far:
        return LineOutcome.NO_ANSWER if rang else LineOutcome.CARRIER_FAULT
    if sip is not None:
        return overrides.get(sip, SIP_OUTCOMES.get(sip, LineOutcome.CARRIER_FAULT))
    return Q850_OUTCOMES.get(q850 or 0, LineOutcome.CARRIER_FAULT)
