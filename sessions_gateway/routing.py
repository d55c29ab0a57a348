"""Which bind carries which message: the parts of one message share a lane value and so a bind. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

_MULTIPLIER = 0x9E3779B97F4A7C15
_MASK = 0xFFFFFFFFFFFFFFFF

T = TypeVar("T")


def _weight(lane: int, slot: int) -> int:
    mixed = (lane * _MULTIPLIER + (slot + 1) * 0xBF58476D1CE4E5B9) & _MASK
    mixed = ((mixed ^ (mixed >> 30)) * 0x94D049BB133111EB) & _MASK
    return mixed ^ (mixed >> 31)


def choose(lane: int, candidates: Sequence[tuple[int, T]]) -> T:
    """The candidate for `lane` among (slot, candidate) pairs, at least one.

    Highest random weight: when a bind comes or goes only its own lanes move, so that a message whose parts are handed
    over seconds apart stays where it began.
    """
    if len(candidates) == 1:
        return candidates[0][1]
    return max(candidates, key=lambda pair: _weight(lane, pair[0]))[1]
