"""Ctrl-C and its relatives: the first ends in order, the second at once."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
EXIT_INTERRUPTED = 130


@contextmanager
def ends_on_signal() -> Iterator[None]:
    """Inside, the first SIGINT, SIGTERM or SIGHUP raises KeyboardInterrupt; a second one leaves on the spot.

    Leaving on the spot is safe: the run's guard ends the children.
    """
    seen = False

    def end(_number: int, _frame: FrameType | None) -> None:
        nonlocal seen
        if seen:
            os._exit(EXIT_INTERRUPTED)
        seen = True
        raise KeyboardInterrupt

    before = {number: signal.signal(number, end) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def wait_for_signal() -> None:
    """Sleep until a signal ends it. Raises KeyboardInterrupt."""
    sys.stdout.flush()
    while True:
        signal.pause()
