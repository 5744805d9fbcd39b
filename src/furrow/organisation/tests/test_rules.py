import pytest

from furrow.organisation.rules import GRANTS, Act, Role, Scope, scope_of, subtree


def test_every_role_has_an_answer_for_every_act() -> None:
    assert set(GRANTS) == set(Role)
    for grants in GRANTS.values():
        assert set(grants) == set(Act)


@pytest.mark.parametrize("act", list(Act))
def test_an_unknown_role_may_do_nothing(act: Act) -> None:
    assert scope_of("guest", act) is Scope.NONE


def test_somebody_may_do_everything() -> None:
    for act in Act:
        assert any(GRANTS[role][act] for role in Role), act


def test_a_subtree_is_the_team_and_all_below_it_and_a_ring_ends() -> None:
    parents = {1: None, 2: 1, 3: 2, 4: 1, 5: None, 6: 7, 7: 6}

    assert subtree(1, parents) == [1, 2, 3, 4]
    assert subtree(2, parents) == [2, 3]
    assert subtree(5, parents) == [5]
    assert subtree(6, parents) == [6, 7]
