"""A transport that can misbehave: silence and trickling, below the session, which notices nothing of it."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any


class Wire(asyncio.Transport):
    """Stands between a session's protocol and the real transport; transparent until told otherwise."""

    def __init__(self, inner: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._inner = inner
        self._loop = loop
        self._queue: deque[bytes] = deque()
        self._octets = 0
        self._delay = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._close_when_written = False
        self.silent = False
        # The session driver looks below TLS for the transport that owns the socket, by this name of asyncio's.
        self._ssl_protocol = getattr(inner, "_ssl_protocol", None)

    def silence(self) -> None:
        """Writes nothing until `speak`."""
        self.silent = True

    def speak(self) -> None:
        """Writes what silence held back."""
        self.silent = False
        self._run()

    def trickle(self, octets: int, delay: float) -> None:
        """From now on at most `octets` at a time with `delay` seconds between; 0 octets ends it."""
        self._octets, self._delay = octets, delay
        self._run()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not (self.silent or self._octets or self._queue):
            self._inner.write(data)
            return
        self._queue.append(bytes(data))
        self._run()

    def _run(self) -> None:
        if self.silent or self._timer is not None or self._inner.is_closing():
            return
        if not self._octets:
            self._inner.write(b"".join(self._queue))
            self._queue.clear()
        elif self._queue:
            self._inner.write(self._piece())
            self._timer = self._loop.call_later(self._delay, self._again)
        if self._close_when_written and not self._queue:
            self._inner.close()

    def _piece(self) -> bytes:
        head = self._queue.popleft()
        if len(head) > self._octets:
            self._queue.appendleft(head[self._octets :])
        return head[: self._octets]

    def _again(self) -> None:
        self._timer = None
        self._run()

    def close(self) -> None:
        """After what still trickles; at once when silent, because nothing will be written any more."""
        if self._queue and not self.silent:
            self._close_when_written = True
        else:
            self._inner.close()

    def abort(self) -> None:
        self._queue.clear()
        if self._timer is not None:
            self._timer.cancel()
        self._inner.abort()

    def is_closing(self) -> bool:
        return self._close_when_written or self._inner.is_closing()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._inner.get_extra_info(name, default)

    def get_write_buffer_size(self) -> int:
        """The kernel's part only: what trickles or is held back is not the session's business."""
        return self._inner.get_write_buffer_size()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._inner.set_write_buffer_limits(high, low)
