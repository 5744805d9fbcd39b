"""What a merge moves: everything about the duplicate goes to the kept customer."""

from django.db.models import F

from furrow.customers.models import Customer
from furrow.teamwork.models import Clash, Collaboration, HandoverItem, Sale
from furrow.teamwork.rules import ClashState


def move_clashes(duplicate: Customer, into: Customer) -> None:
    """All of them; where the same person has one living with each, the kept customer's goes on."""
    theirs = Clash.objects.filter(customer=duplicate)
    twice = Clash.objects.living().filter(customer=into).values("claimant_id")
    theirs.living().filter(claimant__in=twice).update(state=ClashState.CLOSED, due_at=None)
    theirs.update(customer=into)


def move_collaborations(duplicate: Customer, into: Customer) -> None:
    """All of them; where the same person helps with both, the kept customer's agreement stands."""
    theirs = Collaboration.objects.filter(customer=duplicate)
    twice = Collaboration.objects.filter(customer=into, ended_at=None).values("user_id")
    theirs.filter(user__in=twice, ended_at=None).update(ended_at=F("since"))
    theirs.update(customer=into)


def move_sales(duplicate: Customer, into: Customer) -> None:
    Sale.objects.filter(customer=duplicate).update(customer=into)


def move_items(duplicate: Customer, into: Customer) -> None:
    """Where both are in one hand-over, the kept customer's line stands."""
    both = HandoverItem.objects.filter(customer=into).values("handover_id")
    theirs = HandoverItem.objects.filter(customer=duplicate)
    theirs.filter(handover__in=both).delete()
    theirs.update(customer=into)
