"""Ends the children of a process that died without ending them itself (a kill -9, a crash).

Started by path with `python -I -S`, so it stands on the standard library alone. Its standard input is a
pipe that only the owner holds: lines `+ PID SIGNAL` and `- PID` tell which process groups live, the end of
the pipe that the owner is gone, unless the line before it is `.`. The owner may have died between starting a
process and telling of it: whatever carries its mark, the argument, and began before its end is ended too.

A death signal set in the children (PR_SET_PDEATHSIG) would work on Linux
only, fire already when the *thread* that started them ends, and not reach grandchildren.
"""

import os
import signal
import sys
import time

PATIENCE_S = 3.0
STRAYS_S = 2.0
"""A process that was being made when the owner died shows its mark a moment later."""


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


def uptime() -> float:
    """Seconds since the machine started, as /proc counts them."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.clock_gettime(clock) if clock is not None else 0.0


def strays(mark: bytes, until: float) -> set[int]:
    """Process groups of those that carry the mark and began no later than `until`; none where there is no /proc."""
    found: set[int] = set()
    for name in os.listdir("/proc") if os.path.isdir("/proc/self") else ():
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/environ", "rb") as file:
                marked = mark in file.read().split(b"\0")
            if marked and _began(name) <= until:
                found.add(os.getpgid(int(name)))
        except OSError:
            continue
    return found - {os.getpgrp()}


def _began(pid: str) -> float:
    with open(f"/proc/{pid}/stat", "rb") as file:
        fields = file.read().rpartition(b")")[2].split()
    return int(fields[19]) / os.sysconf("SC_CLK_TCK")


def end_strays(mark: bytes, until: float, seconds: float = STRAYS_S) -> None:
    """Kills them as they show; a later run under the same mark began later and is left alone."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        for pgid in strays(mark, until):
            _signal_group(pgid, signal.SIGKILL)
        time.sleep(0.1)


def watch(mark: bytes) -> None:
    """Follow the owner's lines until the pipe ends."""
    groups: dict[int, int] = {}
    orderly = False
    for line in sys.stdin:
        sign, *numbers = line.split()
        orderly = sign == "."
        if orderly:
            continue
        if sign == "+":
            groups[int(numbers[0])] = int(numbers[1])
        else:
            groups.pop(int(numbers[0]), None)
    until = uptime()
    end(groups)
    if not orderly:
        end_strays(mark, until)


if __name__ == "__main__":
    for deaf in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(deaf, signal.SIG_IGN)
    watch(os.fsencode(sys.argv[1]))
