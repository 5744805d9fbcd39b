"""Learning from past calls, and what follows from it."""

from datetime import timedelta

import pytest

from furrow.calls.models import Call
from furrow.calls.rules import CallState
from furrow.calls.tests.make import make_call
from furrow.campaigns.tests.make import make_disposition
from furrow.customers.actions import merge_customers
from furrow.customers.tests.make import make_customer, number_of
from furrow.learning.actions import (
    keep_suggestions,
    learn_all,
    learn_score,
    learn_times,
    learn_who_suits,
)
from furrow.learning.history import talks_since
from furrow.learning.models import Learned, Suggestion
from furrow.learning.queries import (
    advice_of,
    best_time,
    better_moment,
    fits,
    lists_at_their_best,
    live_agreement,
    newest,
    times,
)
from furrow.learning.rules import WINDOW, CannotLearn, What
from furrow.organisation.actions import system_user
from furrow.organisation.rules import Role
from furrow.organisation.tests.make import NOON, make_agent, make_user
from furrow.pipeline.rules import Score

from .make import make_calls

pytestmark = pytest.mark.django_db


def _learn(score: Score = Score.CP) -> Learned:
    rows = talks_since(NOON - WINDOW, NOON)
    return learn_score(score=score, rows=rows, by=system_user(), at=NOON)


def test_the_model_learns_which_list_says_yes_and_says_why() -> None:
    good = make_calls()[1]
    learned = _learn()

    assert learned.figures["knows"]
    assert learned.figures["leaks"] == []
    customer = make_customer()
    call = make_call(customer=customer, state=CallState.ENDED, at=NOON - timedelta(days=2))
    Call.objects.filter(pk=call.pk).update(source=good)
    advice = advice_of(customer, score=Score.CP, stage="", number=number_of(customer), at=NOON)
    assert advice is not None
    assert advice.learned_id == learned.pk
    assert advice.p > advice.usual
    assert 0 <= advice.value <= 5


def test_a_field_filled_in_only_after_a_yes_is_refused() -> None:
    make_calls()
    for call in Call.objects.filter(cp=4).select_related("customer"):
        call.customer.profile = {"occupation": "teacher"}
        call.customer.save()

    learned = _learn()

    assert [leak[0] for leak in learned.figures["leaks"]] == ["profile:occupation"]
    assert "profile:occupation" not in learned.figures["importance"]


def test_where_nothing_can_be_known_nothing_is_suggested() -> None:
    make_calls(chances=lambda source, hour, city: (0.6, 0.3))
    _learn()
    customer = make_customer()

    assert not newest(What.CP).figures["knows"]  # type: ignore[union-attr]
    assert advice_of(customer, score=Score.CP, stage="", number=None, at=NOON) is None


def test_too_little_is_refused_and_left_as_it_was() -> None:
    make_calls(calls=50)

    with pytest.raises(CannotLearn) as refusal:
        _learn()
    assert refusal.value.rule == "C2"
    assert {one.what for one in learn_all(by=system_user(), at=NOON)} == {What.TIMES, What.FITS}


def test_what_the_model_said_is_kept_beside_what_the_agent_gave() -> None:
    agent = make_agent()
    make_calls(agent=agent)
    _learn()
    call = make_call(agent=agent, state=CallState.ENDED)
    call.cp, call.disposition, call.wrapped_at = 4, make_disposition(), NOON
    call.save()

    [kept] = keep_suggestions(call=call, given={Score.CP: 4}, at=NOON)
    again = keep_suggestions(call=call, given={Score.CP: 1}, at=NOON)

    assert again == []
    assert (kept.given, kept.came_true, kept.customer) == (4, True, call.customer)
    assert live_agreement(user=make_user(role=Role.MANAGER), score=Score.CP) == (1, None)
    assert live_agreement(user=agent, score=Score.CP) == (0, None)


def test_a_suggestion_follows_a_merge() -> None:
    agent = make_agent()
    make_calls(agent=agent)
    _learn()
    call = make_call(agent=agent, state=CallState.ENDED)
    keep_suggestions(call=call, given={Score.CP: None}, at=NOON)
    kept, boss = make_customer(owner=agent), make_user(role=Role.ADMINISTRATOR)

    merge_customers(duplicate=call.customer, into=kept, by=boss, at=NOON)

    assert Suggestion.objects.get().customer == kept


def test_a_better_hour_is_found_and_followed() -> None:
    lists = make_calls(
        calls=3000, chances=lambda source, hour, city: (0.8 if hour >= 18 else 0.3, 0.2)
    )
    learned = learn_times(by=system_user(), at=NOON)

    assert {
        at for kind, at, ratio, _p in learned.figures["answered"] if ratio > 1 and kind == "hour"
    } == {18, 19}
    assert learned.figures["agreed"] == []
    evening, morning = NOON.replace(hour=18), NOON.replace(hour=10)
    assert set(lists_at_their_best(at=NOON, local=evening)) == {one.pk for one in lists}
    assert lists_at_their_best(at=NOON, local=morning) == ()
    moved = better_moment(source_id=lists[0].pk, earliest=morning, opens=540, closes=1200, at=NOON)
    assert moved.hour in {18, 19}
    customer = make_customer()
    best = best_time(customer, number=number_of(customer), at=NOON)
    assert best is not None
    assert best.cell[1] in {18, 19}


def test_without_an_effect_nobody_waits() -> None:
    lists = make_calls(calls=2000)
    learned = learn_times(by=system_user(), at=NOON)
    customer = make_customer()

    assert learned.figures["answered"] == []
    assert times() is not None
    assert not times().has_effect  # type: ignore[union-attr]
    morning = NOON.replace(hour=10)
    assert better_moment(
        source_id=lists[0].pk, earliest=morning, opens=540, closes=1200, at=NOON
    ) == morning  # fmt: skip
    assert lists_at_their_best(at=NOON, local=morning) == ()
    assert best_time(customer, number=number_of(customer), at=NOON) is None


def test_nobody_suits_anybody_where_only_lists_differ() -> None:
    make_calls()
    learn_who_suits(by=system_user(), at=NOON)

    found = fits()

    assert found is not None
    assert not found.has_effect
