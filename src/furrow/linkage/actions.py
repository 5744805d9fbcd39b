"""Looking for duplicates, and what people say of them."""

from collections.abc import Sequence
from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from furrow.audit.actions import record
from furrow.audit.models import Event
from furrow.common.jobs import enqueue
from furrow.customers.actions import merge_customers, undo_merge
from furrow.customers.models import Customer, MergeEvent
from furrow.customers.rules import CannotMerge
from furrow.organisation.actions import system_user
from furrow.organisation.models import User
from furrow.science.linkage.compare import compare_profiles
from furrow.science.linkage.profiles import Rarity

from .models import Pair, Run
from .queries import pairs_in, profiles_of, range_of
from .rules import (
    BLOCKS,
    CUSTOMERS_A_STEP,
    LOOKUP_WINDOW,
    WORTH_ASKING_BITS,
    CannotFind,
    CannotJudge,
    RunState,
    Verdict,
    check_lookups,
    is_certain,
    may_join_by_rule,
)


@transaction.atomic
def note_lookup(*, found: int, hidden: int, by: User, at: datetime) -> None:
    """Write down that somebody asked whom the company knows: how many were found, and how many
    of them the asker may not see. Raises TooManyAsked."""
    recent = Event.objects.filter(
        who=by.username, what="duplicates.looked_up", at__gte=at - LOOKUP_WINDOW
    )
    check_lookups(recent.count())
    record("duplicates.looked_up", of=by, by=by.username, at=at, found=found, hidden=hidden)


# -- a run over all customers ----------------------------------------------------------------------


def note_export(*, by: User, at: datetime) -> None:
    """Somebody downloads the verdicts; they hold ids only, but every export is recorded."""
    record("verdicts.exported", of=by, by=by.username, at=at)


@transaction.atomic
def start_run(*, joins_certain: bool = False, by: User, at: datetime) -> Run:
    """Have every customer compared with those like it, in the background.

    joins_certain  whether pairs beyond doubt are joined at once; else everybody is asked about

    Raises CannotFind while another run is working.
    """
    try:
        with transaction.atomic():
            run = Run.objects.create(
                joins_certain=joins_certain, by=by, started_at=at,
                customers=Customer.objects.filter(merged_into=None).count(),
            )  # fmt: skip
    except IntegrityError:
        raise CannotFind(_("The customers are being compared already."), rule="B2") from None
    record("duplicates.run_started", of=run, by=by.username, at=at, joins_certain=joins_certain)
    enqueue("linkage.find", run_id=run.pk)
    return run


@transaction.atomic
def stop_run(*, run: Run, by: User, at: datetime) -> Run:
    """Stop after the present step; what was found stays. Raises CannotFind."""
    run = Run.objects.select_for_update().get(pk=run.pk)
    if run.state != RunState.WORKING:
        raise CannotFind(_("Nothing is being compared."), rule="B2")
    run.state, run.finished_at = RunState.STOPPED, at
    run.save()
    record("duplicates.run_stopped", of=run, by=by.username, at=at)
    return run


@transaction.atomic
def take_step(*, run_id: int, at: datetime) -> bool:
    """Compare the next customers, in one transaction. False when nothing is left to do.

    Two workers on one run take turns; killed in between, nothing is lost or done twice.
    Cost: about 2,000 customers, and at most 60 comparisons for each.
    """
    run = Run.objects.select_for_update().get(pk=run_id)
    if run.state != RunState.WORKING:
        return False
    upto, customers = range_of(run.block, after=run.after, most=CUSTOMERS_A_STEP)
    if not customers:
        return _next_block(run, at)
    likely = pairs_in(run.block, after=run.after, upto=upto, most=BLOCKS[run.block])
    certain = _keep_likely(run, likely, at=at)
    if run.joins_certain:
        run.joined += _join(certain, at=at)
    run.after, run.walked = upto, run.walked + customers
    run.save()
    return True


def _next_block(run: Run, at: datetime) -> bool:
    blocks = list(BLOCKS)
    rest = blocks[blocks.index(run.block) + 1 :]
    if rest:
        run.block, run.after = rest[0], ""
    else:
        run.state, run.finished_at = RunState.DONE, at
        record(
            "duplicates.run_done", of=run, by=run.by.username, at=at, found=run.found,
            joined=run.joined,
        )  # fmt: skip
    run.save()
    return bool(rest)


def _keep_likely(run: Run, likely: Sequence[tuple[int, int]], *, at: datetime) -> list[int]:
    """Score pairs and keep those worth asking about. Returns the ids of those beyond doubt."""
    known = profiles_of({customer for pair in likely for customer in pair})
    rarity = Rarity(max(run.customers, 1))
    pairs, certain = [], set()
    for left, right in likely:
        if left not in known or right not in known:
            continue
        comparison = compare_profiles(known[left], known[right], rarity)
        if comparison.weight < WORTH_ASKING_BITS:
            continue
        pairs.append(
            Pair(
                left_id=left, right_id=right, weight=comparison.weight,
                reasons=[f.code for f in comparison.findings], found_at=at,
            )
        )  # fmt: skip
        if is_certain(comparison):
            certain.add((left, right))
    Pair.objects.bulk_create(pairs, batch_size=2000, ignore_conflicts=True)
    run.found += len(pairs)
    if not certain:
        return []
    kept = Pair.objects.filter(left__in=[left for left, _right in certain])
    return [pair.pk for pair in kept if (pair.left_id, pair.right_id) in certain]


def _join(pairs: Sequence[int], *, at: datetime) -> int:
    """Join what the rule may join; the rest waits for a person."""
    joined, by = 0, system_user()
    for pair_id in pairs:
        # An earlier join may have decided this pair, or moved it to another customer.
        pair = Pair.objects.filter(pk=pair_id, verdict=Verdict.OPEN).select_related().first()
        if pair is None or not may_join_by_rule([pair.left.owner_id, pair.right.owner_id]):
            continue
        try:
            judge_pair(pair=pair, verdict=Verdict.SAME, by_rule=True, by=by, at=at)
        except CannotMerge:  # somebody is on the line with one of them
            continue
        joined += 1
    return joined


@transaction.atomic
def ask_about(likely: Sequence[tuple[int, int, float, Sequence[str]]], *, at: datetime) -> None:
    """Have people say whether two customers are one: (one, other, bits, reasons). A pair somebody
    judged before is not asked again."""
    pairs = [
        Pair(left_id=min(a, b), right_id=max(a, b), weight=bits, reasons=list(why), found_at=at)
        for a, b, bits, why in likely
        if a != b
    ]
    Pair.objects.bulk_create(pairs, batch_size=2000, ignore_conflicts=True)


# -- judging ---------------------------------------------------------------------------------------


@transaction.atomic
def judge_pair(
    *, pair: Pair, verdict: Verdict, by_rule: bool = False, by: User, at: datetime
) -> Pair:
    """Say whether two customers are one; if so they are joined, into the one that has an owner,
    else into the older. Raises CannotJudge if somebody did before, CannotMerge.
    """
    pair = _locked(pair)
    if verdict is Verdict.OPEN or pair.is_decided:
        raise CannotJudge(_("Somebody judged this pair already."), rule="B2")
    merge = None
    if verdict is Verdict.SAME:
        kept, duplicate = pair.left, pair.right
        if kept.owner_id is None and duplicate.owner_id is not None:
            kept, duplicate = duplicate, kept
        merge_customers(duplicate=duplicate, into=kept, reasons=pair.reasons, by=by, at=at)
        merge = MergeEvent.objects.get(duplicate=duplicate, undone_at=None)
    pair.verdict, pair.decided_by, pair.decided_at = verdict, by, at
    pair.merge, pair.by_rule = merge, by_rule
    pair.save()
    record("pair.judged", of=pair, by=by.username, at=at, verdict=verdict, by_rule=by_rule)
    return pair


def _locked(pair: Pair) -> Pair:
    """The pair as it is now, held. The customers first: a merge locks in this order too."""
    both = Customer.objects.select_for_update().filter(pk__in=[pair.left_id, pair.right_id])
    list(both.order_by("pk").values_list("pk"))
    return Pair.objects.select_for_update().get(pk=pair.pk)


@transaction.atomic
def take_back_verdict(*, pair: Pair, by: User, at: datetime) -> Pair:
    """The pair is to be judged again; what was joined is two records again. Raises CannotJudge."""
    pair = _locked(pair)
    if pair.verdict == Verdict.OPEN:
        raise CannotJudge(_("This pair is not judged."), rule="B2")
    if pair.merge is not None and pair.merge.undone_at is None:
        undo_merge(merge=pair.merge, by=by, at=at)
    pair.verdict, pair.decided_by, pair.decided_at = Verdict.OPEN, None, None
    pair.merge, pair.by_rule = None, False
    pair.save()
    record("pair.reopened", of=pair, by=by.username, at=at)
    return pair


@transaction.atomic
def join_customers(*, duplicate: Customer, into: Customer, by: User, at: datetime) -> MergeEvent:
    """Join two records somebody knows to be one, and remember that. Raises CannotMerge."""
    merge_customers(duplicate=duplicate, into=into, by=by, at=at)
    merge = MergeEvent.objects.get(duplicate=duplicate, undone_at=None)
    _remember(merge, Verdict.SAME, by=by, at=at)
    return merge


@transaction.atomic
def part_customers(*, merge: MergeEvent, by: User, at: datetime) -> MergeEvent:
    """Undo a merge and remember that the two are different. Raises CannotMerge."""
    merge = undo_merge(merge=merge, by=by, at=at)
    _remember(merge, Verdict.DIFFERENT, by=by, at=at)
    return merge


def _remember(merge: MergeEvent, verdict: Verdict, *, by: User, at: datetime) -> None:
    left, right = sorted((merge.kept_id, merge.duplicate_id))
    said = {"verdict": verdict, "decided_by": by, "decided_at": at, "by_rule": False}
    said["merge"] = merge if verdict is Verdict.SAME else None
    Pair.objects.update_or_create(
        left_id=left,
        right_id=right,
        defaults=said,
        create_defaults={**said, "weight": 0, "reasons": merge.reasons, "found_at": at},
    )


def move_pairs(duplicate: Customer, kept: Customer) -> None:
    """What was asked and said of the duplicate counts for the kept customer; where both were
    compared with a third, what a person said of either. The pair of the two stays."""
    theirs = Pair.objects.filter(Q(left=duplicate) | Q(right=duplicate)).exclude(
        Q(left=kept) | Q(right=kept)
    )
    for pair in theirs.select_for_update().order_by("pk"):
        other = pair.right_id if pair.left_id == duplicate.pk else pair.left_id
        left, right = sorted((kept.pk, other))
        twin = Pair.objects.filter(left=left, right=right).first()
        if twin is not None and (twin.is_decided or not pair.is_decided):
            pair.delete()
            continue
        if twin is not None:
            twin.delete()
        pair.left_id, pair.right_id = left, right
        pair.save()
