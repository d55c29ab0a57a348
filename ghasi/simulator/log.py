"""The SMSC's own log: one JSON object a line, the truth that tests and onboarding compare with.

It holds numbers and message texts, as a wire trace does: simulate with test data only. Passwords never stand in it.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any, BinaryIO, Final

import msgspec

FLUSH_EVERY: Final = 0.05
"""Seconds between two writes to the file."""


class Journal:
    """Appends lines to `folder/{name}.jsonl`, gathered for 50 ms; without a folder everything is dropped.

    A line: `at` Unix seconds, `mono` seconds of the monotonic clock, `event`, and the event's own keys.
    """

    def __init__(self, folder: Path | None, name: str, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._lines: list[bytes] = []
        self._encode = msgspec.json.Encoder().encode
        self._timer: asyncio.TimerHandle | None = None
        self._file: BinaryIO | None = None
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = (folder / f"{name}.jsonl").open("ab", buffering=0)

    @property
    def is_open(self) -> bool:
        """Whether lines are kept at all."""
        return self._file is not None

    def write(self, event: str, *, at: float | None = None, mono: float | None = None, **keys: Any) -> None:
        """Adds a line; `at` and `mono` are now where the caller took no time itself."""
        if self._file is None:
            return
        line = {
            "at": time.time() if at is None else at,
            "mono": time.monotonic() if mono is None else mono,
            "event": event,
        } | keys
        self._lines.append(self._encode(line))
        if self._timer is None:
            self._timer = self._loop.call_later(FLUSH_EVERY, self.flush)

    def flush(self) -> None:
        """Writes what is gathered."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._lines and self._file is not None:
            self._file.write(b"\n".join(self._lines) + b"\n")
            self._lines.clear()

    def close(self) -> None:
        """Flushes and closes; later lines are dropped."""
        self.flush()
        if self._file is not None:
            self._file.close()
            self._file = None
