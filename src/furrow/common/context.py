"""Which request (or job) is being served, for logs and audit."""

from contextvars import ContextVar

current_request_id: ContextVar[str] = ContextVar("current_request_id", default="")
