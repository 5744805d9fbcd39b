from furrow.calls.rules import IN_PROGRESS, MOVES, CallState, reference


def test_every_state_in_progress_can_end_and_an_ended_call_stays_ended() -> None:
    assert all(CallState.ENDED in MOVES[state] for state in IN_PROGRESS)
    assert not MOVES[CallState.ENDED]
    assert set(IN_PROGRESS) | {CallState.ENDED} == set(CallState)


def test_the_reference_draws_every_move() -> None:
    page = reference()

    assert all(f"{now} --> {to}" in page for now, nexts in MOVES.items() for to in nexts)
    assert "ended --> [*]" in page
    assert "| `empty_number` | Empty number | yes |" in page
