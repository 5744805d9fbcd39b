"""Everything that changes who works with whom, for what share, and who follows whom."""

from .clashes import (
    appeal_clash,
    decide_clash,
    keep_deadlines,
    look_up,
    record_attempts,
    record_clash,
)
from .credit import claw_back, credit_sale
from .merging import move_clashes, move_collaborations, move_items, move_sales
from .sharing import add_collaborator, end_collaboration, save_terms

__all__ = [
    "add_collaborator", "appeal_clash", "claw_back", "credit_sale", "decide_clash",
    "end_collaboration", "keep_deadlines", "look_up", "move_clashes", "move_collaborations",
    "move_items", "move_sales", "record_attempts", "record_clash", "save_terms",
]  # fmt: skip
