"""What an operator can measure of our rate."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence


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


def mean_rate(arrivals: Sequence[float]) -> float:
    """PDUs a second from the first to the last."""
    return len(arrivals) / (arrivals[-1] - arrivals[0])
