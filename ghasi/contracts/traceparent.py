"""The header `traceparent` of W3C Trace Context (https://www.w3.org/TR/trace-context/), as this product carries it.

One message is one trace. Where the platform gives none, the trace is derived from the messageId, so that it is the
same at every try (docs/decisions/0028-traces.md).
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple
from uuid import UUID

_FORM: Final = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.DOTALL)
_LOW: Final = (1 << 64) - 1
_NO_TRACE: Final = "0" * 32
_NO_SPAN: Final = "0" * 16
SAMPLED: Final = 1


class TraceParent(NamedTuple):
    """Whose child a span is. `flags`: bit 0 says that it is recorded."""

    trace_id: int
    span_id: int
    flags: int

    @property
    def sampled(self) -> bool:
        return bool(self.flags & SAMPLED)

    def __str__(self) -> str:
        return f"00-{self.trace_id:032x}-{self.span_id:016x}-{self.flags:02x}"


def parse(text: str | None) -> TraceParent | None:
    """None for whatever is none: the specification asks to begin a trace of one's own then. A later version is read
    as far as this one goes."""
    found = _fields(text)
    return None if found is None else TraceParent(int(found[1], 16), int(found[2], 16), int(found[3], 16))


def checked(text: str | None) -> str | None:
    """The header as it may be kept and published: as it came, or None where it is none."""
    return text if text and _fields(text) is not None else None


def _fields(text: str | None) -> tuple[str, ...] | None:
    found = _FORM.fullmatch(text) if text else None
    if found is None:
        return None
    version, trace_id, span_id, _, more = fields = found.groups()
    wrong = version == "ff" or (version == "00" and more) or trace_id == _NO_TRACE or span_id == _NO_SPAN
    return None if wrong else fields


def derived(message_id: UUID, ratio: float = 1.0) -> TraceParent:
    """The root of a message's own trace. `ratio` of all messages are sampled, the same ones in every process."""
    whole = message_id.int
    # A span id of its own, never 0: both halves of the id mixed, so that ids made in sequence do not share it.
    span_id = ((whole >> 64) * 0x9E3779B97F4A7C15 ^ whole) & _LOW or 1
    sampled = ((whole * 0xBF58476D1CE4E5B9) & _LOW) < ratio * (_LOW + 1)
    return TraceParent(whole or 1, span_id, SAMPLED if sampled else 0)
