"""Everything that dials, and everything about who takes calls."""

from .calls import (
    ask_hang_up,
    beat,
    close_orphans,
    end_forbidden,
    end_interrupted,
    end_overdue,
    start_call,
    take_queued,
)
from .leases import (
    Connection,
    Denied,
    Taken,
    begin_reign,
    connect_waiting,
    dial_lease,
    dial_now,
    end_call,
    expire_leases,
    keep_promises,
    release_lease,
    skip_lease,
    store_answer,
    take_for_agent,
    take_from_pool,
    take_promise,
    take_wanted,
    tidy,
)
from .pilots import judge_pilots
from .sessions import check_lines, close_left, close_session, note_line, open_session, raise_line

__all__ = [
    "Connection", "Denied", "Taken", "ask_hang_up", "beat", "begin_reign", "check_lines",
    "close_left", "close_orphans", "close_session", "connect_waiting", "dial_lease", "dial_now",
    "end_call", "end_forbidden", "end_interrupted", "end_overdue", "expire_leases", "judge_pilots",
    "keep_promises", "note_line", "open_session", "raise_line", "release_lease", "skip_lease",
    "start_call", "store_answer", "take_for_agent", "take_from_pool", "take_promise",
    "take_queued", "take_wanted", "tidy",
]  # fmt: skip
