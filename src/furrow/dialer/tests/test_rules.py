from furrow.calls.rules import Outcome
from furrow.dialer.rules import agent_leg, call_of, customer_leg
from furrow.telephony.outcomes import LineOutcome


def test_a_leg_names_its_call() -> None:
    assert call_of(customer_leg(17)) == (17, False)
    assert call_of(agent_leg(17)) == (17, True)
    assert call_of("somebody-else") is None


def test_calls_and_telephony_speak_the_same_words() -> None:
    ours = {str(outcome) for outcome in Outcome} - {str(Outcome.ABANDONED)}
    assert ours == {str(outcome) for outcome in LineOutcome}
