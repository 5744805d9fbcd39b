"""Logs for people (one line, coloured by the supervisor) and machines (JSON), without numbers."""

import json
import logging
import re

from furrow.common.context import current_request_id

# Anything that looks like a phone number: seven or more digits, perhaps spaced; Chinese may stand
# close to it, and so may the end of a sentence. Parts of times, addresses and ids are none.
_NUMBER = re.compile(
    r"(?<![A-Za-z0-9_.-])(?<!\d:)\+?\d(?:[ -]?\d){6,14}(?![A-Za-z0-9_-]|[.:][A-Za-z0-9_])"
)


def without_numbers(text: str) -> str:
    """`text` with every run of seven or more digits hidden."""
    return _NUMBER.sub("‹number›", text)


class Masking(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = without_numbers(record.getMessage())
        record.args = None
        record.request_id = current_request_id.get()
        return True


class Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "at": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if request_id := getattr(record, "request_id", ""):
            line["request_id"] = request_id
        if call_id := getattr(record, "call_id", None):
            line["call_id"] = call_id
        if record.exc_info:
            line["exception"] = without_numbers(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False)


class Text(logging.Formatter):
    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s", "%H:%M:%S")

    def formatException(self, ei: object) -> str:
        return without_numbers(super().formatException(ei))  # type: ignore[arg-type]
