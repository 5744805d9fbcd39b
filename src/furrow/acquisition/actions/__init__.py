"""Everything that changes sources, lists and leads."""

from .checking import choose_for_row, fix_row
from .leads import NO_BASIS, add_lead, move_leads, move_rows
from .sources import change_source, create_source
from .uploads import (
    delete_old_files,
    note_download,
    reopen,
    set_layout,
    set_mapping,
    table_of,
    upload_list,
)
from .work import (
    choose,
    fail_batch,
    resume_batch,
    return_batch,
    start_check,
    start_import,
    start_undo,
    stop_batch,
    take_step,
)

__all__ = [
    "NO_BASIS", "add_lead", "change_source", "choose", "choose_for_row", "create_source",
    "delete_old_files", "fail_batch", "fix_row", "move_leads", "move_rows", "note_download",
    "reopen", "resume_batch", "return_batch", "set_layout", "set_mapping", "start_check",
    "start_import", "start_undo", "stop_batch", "table_of", "take_step", "upload_list",
]  # fmt: skip
