"""Learning anew, keeping what was suggested, and remembering who was dealt by match."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.utils.translation import gettext as _

from furrow.audit.actions import record
from furrow.calls.models import Call
from furrow.campaigns.rules import Effect
from furrow.organisation.models import User
from furrow.pipeline.rules import CP_FOR_ACQUISITION, Score
from furrow.science.matching import learn_fits
from furrow.science.scoring import (
    LAST_PART,
    TooLittle,
    agreement,
    auc,
    cuts_like,
    learn,
    score_of,
)
from furrow.science.scoring import (
    Learned as LearnedCard,
)
from furrow.science.timing import Cell, Count, find_effects, strength_of, week_of
from furrow.teamwork.models import Dealing

from .history import Done, Rows, never_called, talks_since
from .models import Learned, Match, Suggestion
from .queries import advice_of, counts_by_moment, fits_data, met, terms_at, week_data
from .rules import MOST_CUSTOMERS, OWN_COLUMNS, WINDOW, CannotLearn, What

_FEWEST_PAIRS = 20


def learn_all(*, by: User, at: datetime) -> list[Learned]:
    """Learn everything anew from the last year's calls; what has too few calls is left as it is.

    A minute for 300,000 calls, most of it fitting. Run twice it learns twice.
    """
    done: list[Learned] = []
    rows = talks_since(at - WINDOW, at)
    for score in Score:
        try:
            done.append(learn_score(score=score, rows=rows, by=by, at=at))
        except CannotLearn:
            continue
    done.append(learn_times(by=by, at=at))
    done.append(learn_who_suits(by=by, at=at))
    return done


def learn_score(*, score: Score, rows: Rows, by: User, at: datetime) -> Learned:
    """Learn who says yes: CP from who was worth selling to, PI from who bought.

    Raises CannotLearn where there is too little.
    """
    came = [talk.is_worth if score is Score.CP else talk.is_sold for talk in rows.talks]
    vouched = OWN_COLUMNS | terms_at(at).vouched
    try:
        found = learn(rows.columns, came, waiting=never_called(2000), vouched=vouched)
    except TooLittle:
        raise CannotLearn(
            _("There is too little to learn from: at least 200 talks, and 20 of either outcome."),
            rule="C2",
        ) from None
    newest = rows.talks[round(len(rows) * (1 - LAST_PART)) :]
    given = [talk.cp for talk in newest if talk.cp is not None] if score is Score.CP else []
    cuts = cuts_like(given, found.said)
    body = {
        "card": found.card.as_data(),
        "cuts": cuts,
        "usual": found.judged.base_rate,
        "knows": found.judged.knows,
    }
    figures = _figures(found, rows) | {"agreement": _agreements(newest, found.said, cuts, score)}
    return _keep(What(score.value), body, figures, len(rows), rows.talks, by=by, at=at)


def _figures(found: LearnedCard, rows: Rows) -> dict[str, Any]:
    judged = found.judged
    newest = round(len(rows) * (1 - LAST_PART))
    recent = {name: values[newest:] for name, values in rows.columns.items()}
    known = {term.column for term in found.card.terms}
    drift = found.card.drift({name: recent[name] for name in known})
    return {
        "auc": judged.auc, "auc_error": judged.auc_error, "knows": judged.knows,
        "calls": judged.calls, "yes": judged.yes, "brier": judged.brier, "skill": judged.skill,
        "gap": judged.gap, "lift": judged.lift, "top_half": judged.top_half_share,
        "steps": [[step.calls, step.p_said, step.yes] for step in judged.steps],
        "held": list(found.held), "kind": found.card.kind,
        "leaks": [[leak.column, leak.why, leak.figure] for leak in found.leaks],
        "drift": drift,
        "importance": found.card.importance(),
    }  # fmt: skip


def _agreements(
    newest: Sequence[Done], said: Sequence[float], cuts: Sequence[float], score: Score
) -> list[dict[str, Any]]:
    """Each agent's scores beside those of the twin, which had not seen these calls; and how well
    either foretells who bought afterwards."""
    if score is not Score.CP:
        return []
    last_sale = {talk.customer: talk.at for talk in newest if talk.is_sold}
    agents = dict(Call.objects.filter(pk__in=[t.call for t in newest]).values_list("pk", "agent"))
    by_agent: dict[int, list[tuple[int, int, float, bool]]] = defaultdict(list)
    for talk, p in zip(newest, said, strict=True):
        agent = agents.get(talk.call)
        if talk.cp is None or agent is None:
            continue
        later = last_sale.get(talk.customer, talk.at) > talk.at
        for key in (agent, 0):
            by_agent[key].append((talk.cp, score_of(p, cuts), p, later))
    found = []
    for agent, pairs in by_agent.items():
        if len(pairs) < _FEWEST_PAIRS:
            continue
        given, value, p_said, bought = zip(*pairs, strict=True)
        found.append(
            {
                "agent": agent,
                "pairs": len(pairs),
                "kappa": _known(agreement(given, value)),
                "near": sum(abs(g - v) <= 1 for g, v, _p, _b in pairs) / len(pairs),
                "given": sum(given) / len(pairs),
                "suggested": sum(value) / len(pairs),
                "bought": sum(bought),
                "person": _known(auc([float(g) for g in given], list(bought))),
                "model": _known(auc(list(p_said), list(bought))),
            }
        )
    return sorted(found, key=lambda one: (one["agent"] != 0, -one["pairs"]))


def _known(value: float) -> float | None:
    return None if value != value else value


def learn_times(*, by: User, at: datetime) -> Learned:
    """Learn when people answer, and when they say yes: of everybody and of each list."""
    counts = counts_by_moment(at - WINDOW, at)
    answered: dict[tuple[int, int], dict[Cell, Count]] = defaultdict(dict)
    agreed: dict[tuple[int, int], dict[Cell, Count]] = defaultdict(dict)
    for source, band, weekday, hour, calls, answers, yes in counts:
        answered[source, band][weekday, hour] = (calls, answers)
        agreed[source, band][weekday, hour] = (answers, yes)
    company = week_of(_summed(answered.values()))
    segments = {
        source: week_of(
            _summed(cells for (one, _band), cells in answered.items() if one == source),
            like=company,
        )
        for source in {one for one, _band in answered}
    }
    # Two questions are asked of the same weeks: half the chance of error for each.
    effects = find_effects(answered, alpha=0.025)
    of_yes = find_effects(agreed, alpha=0.025)
    body = {
        "has_effect": bool(effects),
        "answered": week_data(company),
        "agreed": week_data(week_of(_summed(agreed.values()))),
        "segments": {str(source): week_data(week) for source, week in segments.items()},
        "strength": _own_strength(company.base, at=at),
    }
    figures = {
        "answered": [[e.kind, e.at, e.ratio, e.p] for e in effects],
        "agreed": [[e.kind, e.at, e.ratio, e.p] for e in of_yes],
    }
    total = sum(row[4] for row in counts)
    return _keep(What.TIMES, body, figures, total, (), by=by, at=at)


def _summed(weeks: Any) -> dict[Cell, Count]:
    total: dict[Cell, Count] = {}
    for cells in weeks:
        for cell, (n, k) in cells.items():
            was = total.get(cell, (0, 0))
            total[cell] = (was[0] + n, was[1] + k)
    return total


def _own_strength(base: float, *, at: datetime) -> float:
    """How far customers differ in answering: by some thousands who were called lately."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), count(*) FILTER (WHERE outcome IN ('answered', 'abandoned'))"
            " FROM calls_call WHERE state = 'ended' AND queued_at >= %s AND customer_id IN"
            " (SELECT id FROM customers_customer WHERE last_touch_at >= %s"
            "  ORDER BY last_touch_at DESC LIMIT %s) GROUP BY customer_id",
            [at - WINDOW, at - WINDOW, MOST_CUSTOMERS],
        )
        counts = cursor.fetchall()
    return strength_of(counts, [base] * len(counts))


def learn_who_suits(*, by: User, at: datetime) -> Learned:
    """Learn which agents do better with which customers than both do on the whole."""
    counts = met(at - WINDOW, at)
    fits = learn_fits(counts)
    figures = {"has_effect": fits.has_effect}
    total = sum(n for n, _k in counts.values())
    return _keep(What.FITS, fits_data(fits), figures, total, (), by=by, at=at)


@transaction.atomic
def _keep(
    what: What,
    body: Mapping[str, Any],
    figures: Mapping[str, Any],
    calls: int,
    talks: Sequence[Done],
    *,
    by: User,
    at: datetime,
) -> Learned:
    learned = Learned.objects.create(
        what=what, body=body, figures=figures, calls=calls, at=at,
        since=talks[0].at if talks else at - WINDOW, until=talks[-1].at if talks else at,
    )  # fmt: skip
    record("learning.done", of=learned, by=by.username, at=at, learned=what, calls=calls)
    return learned


@transaction.atomic
def keep_suggestions(
    *, call: Call, given: Mapping[Score, int | None], at: datetime
) -> list[Suggestion]:
    """Keep what the model says of a call's customer beside what the agent gave (C2): as it was
    known before the call. Nothing while no model knows more than chance; once for each call.
    """
    stage = call.campaign.stage if call.campaign else ""
    kept = []
    for score, value in given.items():
        advice = advice_of(
            call.customer, score=score, stage=stage, number=call.number, at=call.queued_at
        )
        if advice is None:
            continue
        is_sold = call.disposition is not None and call.disposition.effect == Effect.SOLD
        is_worth = is_sold or (call.cp or 0) >= CP_FOR_ACQUISITION
        suggestion, made = Suggestion.objects.get_or_create(
            call=call,
            score=score,
            defaults={
                "customer": call.customer, "learned_id": advice.learned_id, "p": advice.p,
                "value": advice.value, "given": value, "at": at,
                "came_true": is_sold if score is Score.PI else is_worth,
            },
        )  # fmt: skip
        if made:
            kept.append(suggestion)
    return kept


def keep_matches(
    *,
    dealing: Dealing,
    given: Mapping[int, int],
    kinds: Mapping[int, str],
    drawn: frozenset[int],
    p: Mapping[int, float],
    at: datetime,
) -> None:
    """Remember who was dealt by match and who by chance, to compare them in thirty days."""
    Match.objects.bulk_create(
        [
            Match(
                dealing=dealing, customer_id=customer, agent_id=agent, kind=kinds.get(customer, ""),
                is_drawn=customer in drawn, p=p.get(customer, 0.0), at=at,
            )
            for customer, agent in given.items()
        ],
        batch_size=2000,
    )  # fmt: skip


def move_suggestions(duplicate: Any, kept: Any) -> None:
    Suggestion.objects.filter(customer=duplicate).update(customer=kept)


def move_matches(duplicate: Any, kept: Any) -> None:
    Match.objects.filter(customer=duplicate).update(customer=kept)
