"""JSON lines on stdout with an allow-list of keys (docs/contract.md §13).

A key that is not on the list is dropped, so that a destination, a text or a password cannot reach a log by
somebody adding a keyword. Messages of other libraries pass as `event: library` with their logger and text,
but only at warning and above, because their lower levels dump payloads.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog

ALLOWED = frozenset(
    """
    timestamp level event service operatorId operatorName messageId traceId spanId replica epoch state
    previousState reason status commandStatus command count size seconds attempt attempts segment segments host
    port bindMode slot stream consumer subject variable error errorType action by wanted tps limit window used
    queue lanes process numberHint streamSeq receiptKey detail logger version partition rows url check backlog
    oldest delay signal revision retryIn worst path pid backup
    """.split()  # noqa: SIM905 - a page of words reads better than a page of quotes
)

_service = "smpp-connector"


def _only_allowed(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    kept = {key: value for key, value in event.items() if key in ALLOWED}
    kept["service"] = _service
    return kept


def _error_type(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """An exception is named by its type and place only: its text may quote what it choked on."""
    info = event.pop("exc_info", None)
    error = info[1] if isinstance(info, tuple) else info if isinstance(info, BaseException) else sys.exc_info()[1]
    if info and error is not None:
        event["errorType"] = type(error).__name__
        event["detail"] = _place(error)
    return event


def _place(error: BaseException) -> str:
    trace, place = error.__traceback__, ""
    while trace is not None:
        place = f"{trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place


class _LibraryHandler(logging.Handler):
    """Standard-library log records become lines of ours, without their arguments' text below warning."""

    def emit(self, record: logging.LogRecord) -> None:
        log = structlog.get_logger()
        level = "error" if record.levelno >= logging.ERROR else "warning"
        getattr(log, level)(
            "library", logger=record.name, detail=str(record.msg)[:200], exc_info=record.exc_info or None
        )


def setup_logging(service: str, level: str = "info", stream: TextIO | None = None) -> None:
    """Sets up structlog and the standard library's root logger; call once at the start of a process."""
    global _service  # noqa: PLW0603 - one process, one service name
    _service = service
    threshold = getattr(logging, level.upper(), logging.INFO)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="timestamp"),
            _error_type,
            _only_allowed,
            structlog.processors.JSONRenderer(sort_keys=False, ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.PrintLoggerFactory(file=stream or sys.stdout),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers[:] = [_LibraryHandler()]
    root.setLevel(logging.WARNING)


def get_logger() -> Any:
    """A structlog logger; call it as `log.info("smpp.session.bound", operatorId=…)`."""
    return structlog.get_logger()


def number_hint(secret: str, number: str) -> str:
    """A number to follow but not to read: eight hex digits of its keyed hash and its last two digits."""
    digits = number.lstrip("+")
    return f"{hmac.new(secret.encode(), digits.encode(), hashlib.sha256).hexdigest()[:8]}-{digits[-2:]}"
