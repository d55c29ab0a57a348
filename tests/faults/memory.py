"""A memory limit for a process and what it forks: a control group of Linux (version 1 or 2), made here."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

_ROOT = Path("/sys/fs/cgroup")
_FIRST = _ROOT / "memory"
_GONE_WITHIN = 10.0


class MemoryGroup:
    """`with MemoryGroup() as group:`; what is in it must have ended when the block does."""

    def __init__(self) -> None:
        self._is_first = (_FIRST / "cgroup.procs").exists()
        self._folder = (_FIRST if self._is_first else _ROOT) / f"ghasi-faults-{os.getpid()}"

    def __enter__(self) -> Self:
        self._folder.mkdir()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        end = time.monotonic() + _GONE_WITHIN
        while True:
            try:
                self._folder.rmdir()
                return
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.1)

    def take(self, pid: int) -> None:
        """The process, and what it forks from now on; what it had before is not counted."""
        (self._folder / "cgroup.procs").write_text(str(pid), encoding="ascii")

    def used(self) -> int:
        """Octets."""
        name = "memory.usage_in_bytes" if self._is_first else "memory.current"
        return int((self._folder / name).read_text(encoding="ascii"))

    def limit(self, octets: int) -> None:
        """Whoever needs more is killed by the kernel. Raises OSError where more is in use."""
        if self._is_first:
            with suppress(OSError):
                (self._folder / "memory.swappiness").write_text("0", encoding="ascii")
        else:
            with suppress(OSError):
                (self._folder / "memory.swap.max").write_text("0", encoding="ascii")
        name = "memory.limit_in_bytes" if self._is_first else "memory.max"
        (self._folder / name).write_text(str(octets), encoding="ascii")


def why_not() -> str:
    """Why no process can be limited here; "" where one can."""
    if os.geteuid() != 0:
        return "needs root, to make a control group"
    try:
        with MemoryGroup() as group:
            group.limit(64 * 2**20)
    except OSError as error:
        return f"no control group for memory here ({type(error).__name__})"
    return ""
