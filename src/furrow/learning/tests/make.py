"""Past calls for tests, many at once, straight into the tables."""

from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random

from furrow.acquisition.models import Source
from furrow.acquisition.tests.make import make_source
from furrow.calls.models import Call
from furrow.calls.rules import CallState, Outcome
from furrow.calls.tests.make import make_call
from furrow.campaigns.models import Disposition
from furrow.campaigns.rules import Effect
from furrow.campaigns.tests.make import make_dispositions
from furrow.customers.actions import bulk_create_customers
from furrow.customers.models import Customer, Number
from furrow.customers.rules import CustomerDraft, Kind
from furrow.customers.tests.make import make_e164
from furrow.learning.models import Learned, Match, Suggestion
from furrow.learning.rules import What
from furrow.organisation.models import User
from furrow.organisation.tests.make import NOON, make_agent, make_user
from furrow.permits.models import Permit
from furrow.pipeline.rules import Score
from furrow.teamwork.models import Dealing

# (source's place, hour, city) -> chances of an answer, and then of a yes
Chances = Callable[[int, int, str], tuple[float, float]]


def usual(source: int, hour: int, city: str) -> tuple[float, float]:
    """The second list is much better; the hour does not matter."""
    return 0.7, 0.1 + 0.5 * source


def make_calls(
    *,
    calls: int = 1400,
    chances: Chances = usual,
    agent: User | None = None,
    until: datetime = NOON,
    seed: int = 1,
) -> list[Source]:
    """One call to each of `calls` new customers, spread over the forty days before `until`.

    A yes is a CP of 4 and, one in three, a sale; a no a CP of 1. Returns the two lists.
    """
    rng, agent = Random(seed), agent or make_agent()
    sources = [make_source(), make_source()]
    by_effect: dict[str, Disposition] = {
        d.effect: d for d in make_dispositions().dispositions.all()
    }
    cities = [rng.choice(["Hue", "Vinh"]) for _call in range(calls)]
    customers = bulk_create_customers(
        drafts=[
            CustomerDraft(kind=Kind.PERSON, name=f"C{i}", numbers=(make_e164(),), city=city)
            for i, city in enumerate(cities)
        ],
        team=agent.team,
        by=make_user(),
        at=until - timedelta(days=60),
    )
    numbers = dict(Number.objects.values_list("customer", "pk"))
    permits, made = [], []
    for i, (customer, city) in enumerate(zip(customers, cities, strict=True)):
        place, hour = rng.randrange(2), rng.randrange(1, 12)  # in UTC; 9 to 20 in Shanghai
        at = (until - timedelta(days=41 - 40 * i / calls)).replace(hour=hour, minute=5)
        p_answer, p_yes = chances(place, (hour + 8) % 24, city)
        is_answered, is_yes = rng.random() < p_answer, rng.random() < p_yes
        effect = Effect.RETRY
        if is_answered:
            effect = Effect.SOLD if is_yes and rng.random() < 1 / 3 else Effect.REFUSED
        permit = Permit(
            customer=customer, number_id=numbers[customer.pk], agent=agent, issued_at=at,
            expires_at=at + timedelta(seconds=30), spent_at=at, closed_at=at, answers=[],
        )  # fmt: skip
        permits.append(permit)
        made.append(
            Call(
                permit=permit, customer=customer, number_id=numbers[customer.pk], agent=agent,
                team=agent.team, source=sources[place], state=CallState.ENDED,
                outcome=Outcome.ANSWERED if is_answered else Outcome.NO_ANSWER, queued_at=at,
                answered_at=at if is_answered else None, ended_at=at + timedelta(minutes=1),
                disposition=by_effect[effect], wrapped_at=at + timedelta(minutes=2),
                cp=(4 if is_yes else 1) if is_answered else None,
            )
        )  # fmt: skip
    Permit.objects.bulk_create(permits)
    Call.objects.bulk_create(made)
    return sources


def make_traces(customer: Customer, by: User) -> list[Callable[[], object]]:
    """One of each row about a customer, for those who check that merges keep everything."""
    return [
        lambda: Suggestion.objects.create(
            call=make_call(agent=by, customer=customer, state=CallState.ENDED), customer=customer,
            score=Score.CP, p=0.5, value=3, came_true=True, at=NOON,
            learned=Learned.objects.create(
                what=What.CP, body={}, figures={}, calls=1, since=NOON, until=NOON, at=NOON
            ),
        ),
        lambda: Match.objects.create(
            dealing=Dealing.objects.create(by=by, at=NOON, seed=1, counts={}, left={}),
            customer=customer, agent=by, kind="", is_drawn=False, p=0.5, at=NOON,
        ),
    ]  # fmt: skip
