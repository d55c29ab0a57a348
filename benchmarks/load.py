"""What a throughput measurement carries, and how its figures are worked out. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

INSTRUMENTS = ("smsc", "sink")
"""Processes that measure; their CPU time is shown and is no part of a sum."""

_SHARES = {"p50": 0.5, "p99": 0.99, "p999": 0.999}


@dataclass(frozen=True, slots=True)
class Load:
    """What is measured: messages, operators, and how many processes and threads work on it.

    `window`: our PDUs unanswered on a bind; `receipt_window`: the SMSC's; `response_ms`: what it takes to answer,
    `receipt_ms`: how much later a receipt follows.
    """

    messages: int = 50_000
    operators: int = 1
    receipts: bool = True
    window: int = 500
    receipt_window: int = 500
    dispatch_processes: int = 2
    dispatch_threads: int = 4
    receipts_processes: int = 2
    receipts_threads: int = 2
    response_ms: int = 0
    receipt_ms: int = 100

    @property
    def name(self) -> str:
        """`with receipts, 4 operators`."""
        return f"{'with' if self.receipts else 'no'} receipts, {self.operators} operator{'s' * (self.operators > 1)}"


def cost(before: Mapping[str, float], after: Mapping[str, float], messages: int) -> dict[str, Any]:
    """CPU seconds for 10,000 messages, by process and together, out of CPU seconds at two moments."""
    each = {name: (after[name] - before.get(name, 0.0)) * 10_000 / messages for name in after}
    together = sum(seconds for name, seconds in each.items() if name not in INSTRUMENTS)
    return {"cpuPer10k": rounded(each, 3), "cpuPer10kTogether": round(together, 3)}


def rounded(values: Mapping[str, float], digits: int) -> dict[str, float]:
    return {name: round(value, digits) for name, value in values.items()}


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median and range."""
    return {"median": round(statistics.median(values), 4), "low": min(values), "high": max(values)}


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest of `values` (ascending, not empty) that at least `share` of them do not exceed."""
    index = -(-len(values) * share // 1)
    return values[max(0, min(len(values), int(index)) - 1)]


def ratios(rounds: Sequence[Mapping[str, Any]], ours: str, theirs: str, figure: str) -> dict[str, float]:
    """Ours divided by theirs, round by round: median and range."""
    return spread([round(one[ours][figure] / one[theirs][figure], 4) for one in rounds])


def figures(seconds: Iterable[float]) -> dict[str, float]:
    """Percentiles in milliseconds, and of how many values."""
    values = sorted(seconds)
    if not values:
        return {"count": 0}
    found = {name: round(1000 * percentile(values, share), 2) for name, share in _SHARES.items()}
    return {"count": len(values), **found, "most": round(1000 * values[-1], 2)}
