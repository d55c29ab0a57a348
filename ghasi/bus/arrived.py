"""A message of a stream as it came over the wire, read as far as it is asked."""

from __future__ import annotations

from datetime import UTC, datetime

_STATUS_AT = len(b"NATS/1.0")


class Arrived:
    """A delivery of a pull consumer.

    `reply` names it when it is settled, `sequence` is its place in the stream, `times` counts its
    deliveries, this one included.
    """

    __slots__ = ("_headers", "_stored_ns", "data", "reply", "sequence", "times")

    def __init__(self, reply: str, data: bytes, headers: bytes) -> None:
        """Raises ValueError where `reply` is none of JetStream's."""
        tokens = reply.split(".")
        # $JS.ACK.<stream>.<consumer>.<delivered>.<sequence>.<consumer's>.<nanoseconds>.<pending>; newer servers put
        # domain and account before the stream, and may add more at the end.
        at = 2 if len(tokens) == 9 else 4
        if len(tokens) < 9 or tokens[:2] != ["$JS", "ACK"] or len(tokens) == 10:
            raise ValueError("not a delivery")
        self.reply = reply
        self.data = data
        self.times = int(tokens[at + 2])
        self.sequence = int(tokens[at + 3])
        self._stored_ns = tokens[at + 5]
        self._headers = headers

    @property
    def stored(self) -> float:
        """Unix seconds."""
        return int(self._stored_ns) / 1e9

    @property
    def stored_at(self) -> datetime:
        return datetime.fromtimestamp(self.stored, UTC)

    def header(self, name: bytes) -> str | None:
        """The value of the last header of exactly this name; None for an empty one."""
        found = self._headers.rfind(b"\r\n%b:" % name)
        if found < 0:
            return None
        start = found + len(name) + 3
        return self._headers[start : self._headers.find(b"\r\n", start)].strip().decode("utf-8", "replace") or None


def status_of(data: bytes, headers: bytes) -> str | None:
    """The status of a message that is the server's own word and no delivery: `404 No Messages`."""
    line = headers.partition(b"\r\n")[0]
    return line[_STATUS_AT:].strip().decode("ascii", "replace") or None if not data else None
