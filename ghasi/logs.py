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
import threading
from collections.abc import MutableMapping
from types import TracebackType
from typing import Any, TextIO

import structlog

from ghasi.contracts.traceparent import parse

ALLOWED = frozenset(
    """
    timestamp level event service operatorId operatorName messageId replica epoch state
    previousState reason status commandStatus command count size seconds attempt attempts segment segments host
    port bindMode slot stream consumer subject variable error errorType action by wanted tps limit window used
    queue lanes process numberHint streamSeq receiptKey detail logger version partition rows url check backlog
    oldest delay signal revision retryIn worst path pid backup profile fields traceId
    """.split()  # noqa: SIM905 - a page of words reads better than a page of quotes
)

CAUSES = 5
"""Of an error that nobody caught, at most so many of those it came from are told."""

_service = "smpp-connector"


def _only_allowed(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    kept = {key: value for key, value in event.items() if key in ALLOWED}
    kept["service"] = _service
    return kept


def _trace_id(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A line with `traceparent` leads to the trace: by its id, not by whatever a platform wrote there."""
    if (found := parse(event.get("traceparent"))) is not None:
        event["traceId"] = f"{found.trace_id:032x}"
    return event


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


class _NoQuotes(logging.Filter):
    """gunicorn has handlers of its own and quotes what came where HTTP was expected; only the kind of it is told."""

    KINDS = (
        "Invalid request",
        "Error handling request",
        "Error processing SSL request",
        "Exception in worker process",
    )

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        kind = next((one for one in self.KINDS if message.startswith(one)), None)
        if kind is None:
            return True
        structlog.get_logger().warning("library", logger=record.name, detail=kind, exc_info=record.exc_info or None)
        return False


class _NotForAnybody(logging.Filter):
    """asyncio warns whenever a TLS connection ends that a StreamReader of its own made half-open, as nats-py's is:
    each command would say it at its end, and nobody can do anything about it."""

    WORDS = "returning true from eof_received() has no effect when using ssl"

    def filter(self, record: logging.LogRecord) -> bool:
        return record.msg != self.WORDS


def _filtered(name: str, kind: type[logging.Filter]) -> None:
    """Once, however often logging is set up."""
    logger = logging.getLogger(name)
    if not any(isinstance(one, kind) for one in logger.filters):
        logger.addFilter(kind())


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
            _trace_id,
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
    _filtered("gunicorn.error", _NoQuotes)
    _filtered("asyncio", _NotForAnybody)
    _tell_crashes()


def _tell_crashes() -> None:
    """What nobody caught ends as one line too: the interpreter's own report quotes the error's text."""
    sys.excepthook = _crashed
    threading.excepthook = lambda args: _crashed(args.exc_type, args.exc_value, args.exc_traceback)
    sys.unraisablehook = lambda args: _crashed(args.exc_type, args.exc_value, args.exc_traceback)


def _crashed(kind: type[BaseException], error: BaseException | None, _trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt | SystemExit):
        return
    chain = [error if error is not None else kind()]
    while (cause := chain[-1].__cause__ or chain[-1].__context__) is not None and len(chain) < CAUSES:
        chain.append(cause)
    for one in chain:
        structlog.get_logger().critical("crash.unhandled", errorType=type(one).__name__, detail=_place(one))


def get_logger() -> Any:
    """A structlog logger; call it as `log.info("smpp.session.bound", operatorId=…)`."""
    return structlog.get_logger()


def number_hint(secret: str, number: str) -> str:
    """A number to follow but not to read: eight hex digits of its keyed hash and its last two digits."""
    digits = number.lstrip("+")
    return f"{hmac.new(secret.encode(), digits.encode(), hashlib.sha256).hexdigest()[:8]}-{digits[-2:]}"
