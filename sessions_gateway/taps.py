"""The connections of one operator, and who hears what passes on them (docs/architecture.md, "Tracing").

While nobody listens no connection has a tap, and traffic pays one comparison for each write and each PDU that comes.
"""

from __future__ import annotations

import time
from typing import Any, Protocol

from ghasi.logs import get_logger
from ghasi.smpp.pdu import frames
from sessions_gateway.connection import Link

log = get_logger()


class Listener(Protocol):
    """Called on the event loop between read and write: it may neither wait nor work."""

    def hear(self, at_us: int, sent: bool, line: Line, frame: bytes) -> None: ...
    def end(self, reason: str) -> None: ...


class Line:
    """One connection: the tap on it, and how it is named in what is copied."""

    __slots__ = ("_taps", "link", "local", "number", "remote", "slot")

    def __init__(self, taps: Taps, link: Link, slot: int, number: int) -> None:
        self._taps = taps
        self.link = link
        self.slot = slot
        self.number = number
        self.local = _address(link.protocol.sockname)
        self.remote = _address(link.protocol.peername)

    def sent(self, octets: bytes) -> None:
        self._taps.pass_on(self, True, octets)

    def received(self, frame: bytes) -> None:
        self._taps.pass_on(self, False, frame)


class Taps:
    """Every link of the operator is told to `opened`, before anything was said on it."""

    def __init__(self) -> None:
        self._lines: list[Line] = []
        self._listeners: tuple[Listener, ...] = ()
        self._opened = 0

    def opened(self, link: Link, slot: int) -> None:
        self._lines = [line for line in self._lines if not line.link.closed.is_set()]
        self._opened += 1
        line = Line(self, link, slot, self._opened)
        self._lines.append(line)
        if self._listeners:
            link.protocol.listen(line)

    def listen(self, listener: Listener) -> None:
        if not self._listeners:
            for line in self._lines:
                line.link.protocol.listen(line)
        self._listeners = (*self._listeners, listener)

    def leave(self, listener: Listener) -> None:
        self._listeners = tuple(one for one in self._listeners if one is not listener)
        if not self._listeners:
            self._silence()

    def pass_on(self, line: Line, sent: bool, octets: bytes) -> None:
        """Never raises: what goes wrong in here ends the listening and not the session."""
        at_us = time.time_ns() // 1000
        try:
            for frame in frames(octets) if sent else (octets,):
                for listener in self._listeners:
                    listener.hear(at_us, sent, line, frame)
        except Exception:
            log.exception("trace.failed")
            for listener in self._listeners:
                listener.end("failed")
            self._listeners = ()
            self._silence()

    def _silence(self) -> None:
        for line in self._lines:
            line.link.protocol.listen(None)


def _address(name: Any) -> str:
    """`host:port`, an IPv6 host in brackets; empty where the socket told none."""
    if not isinstance(name, tuple) or len(name) < 2:
        return ""
    host, port = name[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
