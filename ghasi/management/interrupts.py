"""SIGTERM ends a command as Ctrl-C does (docs/commands.md)."""

from __future__ import annotations

import signal
from types import FrameType


def sigterm_as_interrupt() -> None:
    """For the main thread, before the command is run: one that has handlers of its own puts them in place of this."""
    signal.signal(signal.SIGTERM, _interrupt)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    # By SIGINT, because asyncio ends its tasks in order at that. A shell without a terminal starts what it puts into
    # the background with SIGINT ignored.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        raise KeyboardInterrupt
    signal.raise_signal(signal.SIGINT)
