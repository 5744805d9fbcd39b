"""Everything that changes a customer."""

from .arriving import (
    admit_arrivals,
    bulk_create_customers,
    dismiss_customers,
    expect_arrivals,
)
from .merging import merge_customers, move_notes, move_numbers, undo_merge
from .owners import (
    Move,
    allocate_customers,
    assign_customer,
    move_owners,
)
from .records import (
    add_note,
    add_number,
    create_customer,
    delete_view,
    look_up_number,
    mark_planted,
    mark_touched,
    reveal_number,
    save_view,
    update_customer,
)

__all__ = [
    "ARRIVING",
    "NEW_ID",
    "Move",
    "add_note",
    "add_number",
    "admit_arrivals",
    "allocate_customers",
    "assign_customer",
    "bulk_create_customers",
    "claim_customer",
    "create_customer",
    "delete_view",
    "dismiss_customers", "expect_arrivals",
    "look_up_number",
    "mark_planted",
    "mark_touched",
    "merge_customers",
    "move_notes",
    "move_numbers",
    "move_owners",
    "reveal_number",
    "save_view",
    "undo_merge",
    "update_customer",
]  # fmt: skip
