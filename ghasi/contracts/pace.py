"""How fast an operator that throttles is sent to: down by a share at once, up by steps (docs/architecture.md, TPS).

Pure arithmetic for whoever counts: Redis by `workers/throttle.lua`, a process without Redis, the gateway to show it.
"""

from __future__ import annotations

from typing import Final

FACTOR: Final = 0.7
"""What is left of the rate after a round in which the operator throttled."""
RECOVERY_MS: Final = 100_000
"""From nothing back to the whole limit: each second the rate grows by a hundredth of the limit."""
SLOWEST: Final = 1
"""PDUs a second."""


def recovered(rate: float, limit: int, elapsed_ms: float) -> float:
    """The rate `elapsed_ms` after it was `rate`; at most `limit`, at least SLOWEST."""
    return max(float(SLOWEST), min(float(limit), rate + max(0.0, elapsed_ms) * limit / RECOVERY_MS))


def slowed(rate: float) -> float:
    """The rate after a round with a throttled answer."""
    return max(float(SLOWEST), rate * FACTOR)
