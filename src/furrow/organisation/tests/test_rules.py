import pytest

from furrow.organisation.rules import GRANTS, Act, Role, Scope, scope_of


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
