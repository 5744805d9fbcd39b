"""Everything that changes who works with whom, for what share, and who follows whom."""

from .merging import move_clashes, move_collaborations, move_items, move_sales

__all__ = ["move_clashes", "move_collaborations", "move_items", "move_sales"]
