"""Everything that changes a customer."""

from .merging import merge_customers, move_notes, move_numbers, undo_merge
from .records import (
    add_note,
    add_number,
    allocate_customers,
    assign_customer,
    bulk_create_customers,
    claim_customer,
    create_customer,
    delete_view,
    look_up_number,
    mark_touched,
    note_export,
    reveal_number,
    save_view,
    update_customer,
)

__all__ = [
    "add_note", "add_number", "allocate_customers", "assign_customer", "bulk_create_customers",
    "claim_customer", "create_customer", "delete_view", "look_up_number", "mark_touched",
    "merge_customers", "move_notes", "move_numbers", "note_export", "reveal_number", "save_view",
    "undo_merge", "update_customer",
]  # fmt: skip
