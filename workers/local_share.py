"""The limit while Redis is away: this process's share of it, counted here (docs/architecture.md, TPS). Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from ghasi.contracts import timers

SPAN_US = timers.TPS_SPAN_MS * 1000
AHEAD_US = timers.TPS_AHEAD_MS * 1000


@dataclass(frozen=True, slots=True)
class Share:
    """At most `count` PDUs in any `span_us` microseconds."""

    count: int
    span_us: int


def share_of(limit: int, processes: int) -> Share:
    """One of `processes` equal shares of `limit` PDUs a second, never rounded up.

    Where there are more processes than PDUs a second, each sends one PDU in so much more time. Raises ValueError
    unless `limit` is at least 1; fewer than one process counts as one.
    """
    if limit < 1:
        raise ValueError("limit must be at least 1")
    processes = max(processes, 1)
    if limit >= processes:
        return Share(limit // processes, SPAN_US)
    return Share(1, -(-SPAN_US * processes // limit))


class LocalShare:
    """Books PDUs of one operator in this process alone. All times are whole microseconds of one clock."""

    __slots__ = ("_leaves",)

    def __init__(self) -> None:
        self._leaves: deque[int] = deque()

    @property
    def last_leave(self) -> int | None:
        """When the last PDU booked leaves or left; None before the first."""
        return self._leaves[-1] if self._leaves else None

    def book(self, share: Share, wanted: int, now: int) -> tuple[list[int], int]:
        """Leave times of up to `wanted` PDUs, in order, at most 1 s ahead, and how long until the next may be booked
        (0 where all were). After a silence they leave at once, a backlog evenly."""
        booked: list[int] = []
        while len(booked) < wanted:
            leave = self._next(share, now)
            if leave > now + AHEAD_US:
                return booked, leave - AHEAD_US - now
            booked.append(leave)
            self._leaves.append(leave)
            self._forget(share)
        return booked, 0

    def _next(self, share: Share, now: int) -> int:
        leaves = self._leaves
        leave = max(now, leaves[-1]) if leaves else now
        if len(leaves) >= share.count:
            leave = max(leave, leaves[-share.count] + share.span_us)
        if leaves and leave > now:
            leave = max(leave, leaves[-1] + share.span_us // share.count)
        return leave

    def _forget(self, share: Share) -> None:
        """Keeps as many as the largest share so far can ask for: a later, larger one looks further back."""
        oldest = self._leaves[-1] - max(share.span_us, 2 * SPAN_US)
        while len(self._leaves) > share.count and self._leaves[0] <= oldest:
            self._leaves.popleft()
