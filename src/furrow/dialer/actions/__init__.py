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
from .incoming import Step, Todo, attend, call_on, callers_on, press_key, ring_in
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
from .talks import (
    accept_call,
    ask_colleague,
    ask_hold,
    ask_mute,
    ask_outside,
    end_party,
    expire_parties,
    let_parties_go,
    move_party,
    note_fetched,
    note_party_lost,
    note_party_up,
    note_placed,
    note_talk,
    send_tones,
    supervise,
    take_talks,
)

__all__ = [
    "Connection", "Denied", "Step", "Taken", "Todo", "accept_call", "ask_colleague", "ask_hang_up",
    "ask_hold", "ask_mute", "ask_outside", "attend", "beat", "begin_reign", "call_on", "callers_on",
    "check_lines", "close_left", "close_orphans", "close_session", "connect_waiting", "dial_lease",
    "dial_now", "end_call", "end_forbidden", "end_interrupted", "end_overdue", "end_party",
    "expire_leases", "expire_parties", "judge_pilots", "keep_promises", "let_parties_go",
    "move_party", "note_fetched", "note_line", "note_party_lost", "note_party_up", "note_placed",
    "note_talk", "open_session", "press_key", "raise_line", "release_lease", "ring_in",
    "send_tones", "skip_lease", "start_call", "store_answer", "supervise", "take_for_agent",
    "take_from_pool", "take_promise", "take_queued", "take_talks", "take_wanted",
    "tidy",
]  # fmt: skip
