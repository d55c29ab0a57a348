"""Messages to the server as octets: many of them leave in one write (the NATS client protocol's PUB and HPUB).

nats-py takes 12 µs a message with headers, most of it for its coroutines; here it is 2 µs
(docs/decisions/0017-receipts-in-bulk.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

import nats.errors

_NEWLINES = str.maketrans("\r\n", "  ")


def message(subject: str, payload: bytes, headers: Mapping[str, str], reply: str = "") -> bytes:
    """One message; `reply` is where an answer goes, if one is wanted.

    Raises nats.errors.BadSubjectError; a newline in a value becomes a space.

    Header names are our own constants and are written as they are.
    """
    _check(subject)
    lines = "".join([f"{name}: {_line(value)}\r\n" for name, value in headers.items()])
    block = f"NATS/1.0\r\n{lines}\r\n".encode()
    return b"HPUB %b %b %d %d\r\n%b%b\r\n" % (
        subject.encode(),
        reply.encode(),
        len(block),
        len(block) + len(payload),
        block,
        payload,
    )


class Settlement(Enum):
    """What JetStream is told of a delivery."""

    DONE = b"+ACK"
    GIVEN_BACK = b"-NAK"
    IN_HAND = b"+WPI"


def settlement(reply: str, kind: Settlement, delay: float | None = None) -> bytes:
    """An answer to a delivery, by its reply subject; what is GIVEN_BACK comes again after `delay` seconds."""
    _check(reply)
    said = kind.value if delay is None else b'%b {"delay": %d}' % (kind.value, int(delay * 1e9))
    return b"PUB %b %d\r\n%b\r\n" % (reply.encode(), len(said), said)


def _line(value: str) -> str:
    value = value.strip()
    return value.translate(_NEWLINES) if "\r" in value or "\n" in value else value


def _check(subject: str) -> None:
    """Anything else would be read as more than a subject."""
    if subject.split() != [subject]:
        raise nats.errors.BadSubjectError
