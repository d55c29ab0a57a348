"""What an operator can measure of our rate."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

AT_ONCE = 0.002
"""Seconds; what was noted closer together than this was read in one go."""


def worst_second(arrivals: Sequence[float], span: float = 1.0) -> int:
    """The most arrivals in any `span` seconds that start at an arrival; `arrivals` ascending, in seconds."""
    window: deque[float] = deque()
    most = 0
    for arrival in arrivals:
        window.append(arrival)
        while window[0] <= arrival - span:
            window.popleft()
        most = max(most, len(window))
    return most


def surely_in_a_second(arrivals: Sequence[float], span: float = 1.0) -> int:
    """The most arrivals that were in one span of `span` seconds for certain, whenever the one who noted them stood
    still: what is noted in one go may have come at any time since what was noted before it."""
    earliest: list[float] = []
    for index, arrival in enumerate(arrivals):
        before = arrivals[index - 1] if index else arrival
        at_once = bool(earliest) and arrival - before < AT_ONCE
        earliest.append(earliest[-1] if at_once else before)
    most, first = 0, 0
    for index, arrival in enumerate(arrivals):
        while earliest[first] <= arrival - span:
            first += 1
        most = max(most, index - first + 1)
    return most


def mean_rate(arrivals: Sequence[float]) -> float:
    """PDUs a second from the first to the last."""
    return len(arrivals) / (arrivals[-1] - arrivals[0])
