"""Ends the children of a process that died without ending them itself (a kill -9, a crash).

Started by path with `python -I -S`, so it stands on the standard library alone. Its standard input is a
pipe that only the owner holds: lines `+ PID SIGNAL` and `- PID` tell which process groups live, the end of
the pipe that the owner is gone. A death signal set in the children (PR_SET_PDEATHSIG) would work on Linux
only, fire already when the *thread* that started them ends, and not reach grandchildren.
"""

import os
import signal
import sys
import time

PATIENCE_S = 3.0


def _signal_group(pgid: int, number: int) -> bool:
    try:
        os.killpg(pgid, number)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def end(groups: dict[int, int], patience: float = PATIENCE_S) -> None:
    """Ask each group to stop with its own signal, and kill what is left after `patience` seconds."""
    for pgid, number in groups.items():
        _signal_group(pgid, number)
    deadline = time.monotonic() + patience
    left = list(groups)
    while left and time.monotonic() < deadline:
        time.sleep(0.02)
        left = [pgid for pgid in left if _signal_group(pgid, 0)]
    for pgid in left:
        _signal_group(pgid, signal.SIGKILL)


def watch() -> None:
    """Follow the owner's lines until the pipe ends."""
    groups: dict[int, int] = {}
    for line in sys.stdin:
        sign, *numbers = line.split()
        if sign == "+":
            groups[int(numbers[0])] = int(numbers[1])
        else:
            groups.pop(int(numbers[0]), None)
    end(groups)


if __name__ == "__main__":
    for deaf in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(deaf, signal.SIG_IGN)
    watch()
