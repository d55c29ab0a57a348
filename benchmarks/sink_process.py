"""What takes a peer's HTTP callbacks (benchmarks/sink) as a child process."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from benchmarks.programs import Page, build, start_listening
from ghasi.devstack.child import Child
from ghasi.devstack.rundir import RunDir

_ENTRY = struct.Struct("=QQ")


@dataclass(frozen=True, slots=True)
class Callbacks:
    """How many came, and when the first and the last did (Unix nanoseconds)."""

    requests: int
    first: int
    last: int


class Sink:
    """One taker of callbacks on `port`."""

    def __init__(self, run: RunDir) -> None:
        self._files = [run.path / f"sink.{kind}" for kind in ("counters", "port", "times")]
        self.child = Child("sink", [str(build("sink")), *map(str, self._files)], run=run, env={})
        self.port = 0
        self._page: Page | None = None

    def start(self) -> Sink:
        """Returns once it listens. Raises StartFailed."""
        (self.port,) = start_listening(self.child, self._files[1])
        self._page = Page(self._files[0], 3)
        return self

    @property
    def pid(self) -> int:
        return self.child.pid

    def callbacks(self) -> Callbacks:
        assert self._page is not None, "not started"
        return Callbacks(*self._page.read())

    def stop(self) -> dict[int, float]:
        """Ends it and gives when each number came last, in Unix seconds."""
        self.child.stop()
        content = self._files[2].read_bytes()
        return {number: at / 1e9 for at, number in _ENTRY.iter_unpack(content)}
