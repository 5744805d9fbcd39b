"""Everything that changes who works with whom, for what share, and who follows whom."""

from .clashes import (
    appeal_clash,
    decide_clash,
    hear_attempt,
    keep_deadlines,
    look_up,
    record_attempts,
    record_clash,
)
from .credit import claw_back, credit_sale
from .dealing import deal_customers, save_profile
from .handing import cancel_handover, hand_chunk, plan_handover, start_handover
from .merging import move_clashes, move_collaborations, move_items, move_sales
from .sharing import add_collaborator, end_collaboration, save_terms

__all__ = [
    "add_collaborator", "appeal_clash", "cancel_handover", "claw_back", "credit_sale",
    "deal_customers", "decide_clash", "end_collaboration", "hand_chunk", "hear_attempt",
    "keep_deadlines", "look_up", "move_clashes", "move_collaborations", "move_items", "move_sales",
    "plan_handover", "record_attempts", "record_clash", "save_profile", "save_terms",
    "start_handover",
]  # fmt: skip
