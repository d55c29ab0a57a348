"""Permits to send: the operator's limit over all dispatch processes (docs/contract.md §10).

Redis books by `throttle.lua`. While it is away each process spends its own share of the limit; both changes, to the
share and back, cost a pause of one window, because either side cannot see what the other has booked. An operator that
throttles gets less than its limit for a while, from all processes alike (`slow`).
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from redis.exceptions import NoScriptError, RedisError

from ghasi.contracts import pace, timers
from ghasi.logs import get_logger
from workers import metrics
from workers.local_share import LocalShare, share_of
from workers.pace import Pace

if TYPE_CHECKING:
    from redis.asyncio import Redis, RedisCluster

SCRIPT = Path(__file__).with_suffix(".lua").read_text(encoding="utf-8")
_SHA = hashlib.sha1(SCRIPT.encode(), usedforsecurity=False).hexdigest()

WINDOW_US = timers.TPS_WINDOW_MS * 1000
PAUSE_US = timers.TPS_SPAN_MS * 1000
CALL_TIMEOUT = 0.5
"""Seconds; a Redis slower than this is as good as away."""
PROBE_EVERY_US = 500_000
NOT_THROTTLED = -1
_SERVER_US, _MARK, _WINDOWS = 0, 3, 4
"""What stands where in the script's answer."""

log = get_logger()


@dataclass(frozen=True, slots=True)
class Booking:
    """`delays`: seconds from now at which each PDU booked may leave, ascending, 0.0 = at once, at most 1 s.

    Where no more fit they are fewer than asked for, or none, and `retry_after` is how many seconds later it is worth
    asking again; else it is 0.0. `mark` goes with each of them, for `Throttle.slow`. `paused`: nothing is booked for
    anybody, because PDUs may be booked that this Redis, or this process, does not know."""

    delays: tuple[float, ...]
    retry_after: float
    mark: int = 0
    paused: bool = False


@dataclass(slots=True)
class _Operator:
    """What this process knows of one operator; times in microseconds of the monotonic clock."""

    known_window: int = 0
    last_leave: int = 0
    local: LocalShare | None = None
    resume_at: int = 0
    probe_at: int = 0
    pace: Pace = field(default_factory=Pace)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Throttle:
    """Books PDUs. One per process; calls for one operator follow each other, so that bookings stay in order.

    `live` tells how many dispatch processes run now, this one included; it counts only while Redis is away.
    """

    def __init__(self, redis: Redis | RedisCluster, cluster: bool, live: Callable[[], int] = lambda: 1) -> None:
        self._redis = redis
        self._cluster = cluster
        self._live = live
        self._operators: dict[str, _Operator] = {}

    async def book(self, operator_id: str, limit: int, n: int) -> Booking:
        """Books up to `n` PDUs of an operator that takes `limit` a second, first come first served.

        Never raises for a Redis that is away. Raises ValueError unless both are at least 1: a limit that is not
        known is no licence to send.
        """
        if limit < 1 or n < 1:
            raise ValueError("limit and n must be at least 1")
        operator = self._operators.setdefault(operator_id, _Operator())
        async with operator.lock:
            return await self._book(operator_id, operator, limit, n)

    async def slow(self, operator_id: str, limit: int, mark: int) -> None:
        """The operator throttled a PDU that was booked under `mark`: all processes send less from now on.

        Once for all that was booked under one mark, whatever process hears of it; never raises for a Redis that is
        away, when only this process slows down.
        """
        operator = self._operators.setdefault(operator_id, _Operator())
        async with operator.lock:
            if mark < operator.pace.mark:
                return
            slowed = await self._slow(operator_id, operator, limit, mark)
        if slowed:
            metrics.tps_slowed.labels(operator_id).inc()
            log.warning("tps.slowed", operatorId=operator_id, count=self.effective(operator_id, limit))

    async def _slow(self, operator_id: str, operator: _Operator, limit: int, mark: int) -> bool:
        """Whether it was this call that lowered the rate, and not another process."""
        if operator.local is None:
            try:
                answer = await self._call(operator_id, operator, limit, 0, mark)
            except (RedisError, OSError, TimeoutError) as error:
                self._lose(operator_id, operator, error)
            else:
                self._booking(operator, answer)
                return answer[_MARK] >= answer[_SERVER_US] // 1000
        return operator.pace.slow(limit, mark, _wall_ms())

    def effective(self, operator_id: str, limit: int) -> int:
        """PDUs a second that the operator gets at most now, as far as this process knows: `limit`, or fewer."""
        operator = self._operators.get(operator_id)
        return limit if operator is None else operator.pace.limit(limit, _wall_ms())

    def on_local_share(self, operator_id: str) -> bool:
        """True while the operator's permits come from this process and not from Redis."""
        operator = self._operators.get(operator_id)
        return operator is not None and operator.local is not None

    async def _book(self, operator_id: str, operator: _Operator, limit: int, n: int) -> Booking:
        if operator.local is not None:
            await self._probe(operator_id, operator, limit)
        now = _now()
        if now < operator.resume_at:
            return Booking((), (operator.resume_at - now) / 1e6, paused=True)
        if operator.local is not None:
            return self._book_locally(operator, operator.local, limit, n)
        try:
            answer = await self._call(operator_id, operator, limit, n)
        except (RedisError, OSError, TimeoutError) as error:
            return self._lose(operator_id, operator, error)
        return self._booking(operator, answer)

    async def _call(
        self, operator_id: str, operator: _Operator, limit: int, n: int, throttled: int = NOT_THROTTLED
    ) -> list[int]:
        """One run of the script. Raises RedisError, OSError or TimeoutError where Redis is away."""
        marked = f"{{{operator_id}}}" if self._cluster else operator_id
        # Alone, one mark serves the whole server; on a cluster it must live where the operator's keys do.
        hold = f"tps-hold:{marked}" if self._cluster else "tps-hold"
        keys = (f"tps-tail:{marked}", hold, f"tps-rate:{marked}")
        rules = (pace.FACTOR, pace.RECOVERY_MS, pace.SLOWEST)
        arguments = (len(keys), *keys, f"tps:{marked}:", limit, n, operator.known_window, throttled, *rules)
        async with asyncio.timeout(CALL_TIMEOUT):
            try:
                return await _reply(self._redis.evalsha(_SHA, *arguments))
            except NoScriptError:
                return await _reply(self._redis.eval(SCRIPT, *arguments))

    def _booking(self, operator: _Operator, answer: list[int]) -> Booking:
        server_now, again, rate, mark = answer[:_WINDOWS]
        if mark or operator.pace.mark:
            operator.pace.told(rate, mark, _wall_ms())
        delays: list[float] = []
        for window, count in zip(answer[_WINDOWS::2], answer[_WINDOWS + 1 :: 2], strict=True):
            delays += [max(window * WINDOW_US - server_now, 0) / 1e6] * count
        if delays:
            operator.known_window = answer[-2]
        # The script tells a pause by one window in which no PDU is booked.
        return self._told(operator, delays, again, paused=not delays and len(answer) > _WINDOWS)

    def _book_locally(self, operator: _Operator, local: LocalShare, limit: int, n: int) -> Booking:
        now = _now()
        limit = operator.pace.limit(limit, _wall_ms())
        leaves, again = local.book(share_of(limit, self._live()), n, now)
        return self._told(operator, [(leave - now) / 1e6 for leave in leaves], again)

    def _told(self, operator: _Operator, delays: list[float], again: int, *, paused: bool = False) -> Booking:
        if delays:
            operator.last_leave = max(operator.last_leave, _now() + round(delays[-1] * 1e6))
        return Booking(tuple(delays), again / 1e6, operator.pace.mark, paused)

    def _lose(self, operator_id: str, operator: _Operator, error: Exception) -> Booking:
        now = _now()
        operator.local = LocalShare()
        operator.resume_at = self._pause_end(operator, now)
        operator.probe_at = now + PROBE_EVERY_US
        metrics.tps_local_share.labels(operator_id).set(1)
        log.error("tps.local_share", operatorId=operator_id, errorType=type(error).__name__, count=self._live())
        return Booking((), (operator.resume_at - now) / 1e6, paused=True)

    async def _probe(self, operator_id: str, operator: _Operator, limit: int) -> None:
        """Asks Redis whether it is back, by booking a PDU that is not sent: what only reads is answered even by one
        that is full or has become a replica."""
        now = _now()
        if now < operator.probe_at:
            return
        try:
            await self._call(operator_id, operator, limit, 1)
        except (RedisError, OSError, TimeoutError):
            operator.probe_at = _now() + PROBE_EVERY_US
            return
        operator.local = None
        operator.resume_at = self._pause_end(operator, _now())
        metrics.tps_local_share.labels(operator_id).set(0)
        log.warning("tps.shared_again", operatorId=operator_id)

    def _pause_end(self, operator: _Operator, now: int) -> int:
        """One window after the last PDU that may still leave under the old regime."""
        return max(now, operator.last_leave) + PAUSE_US


async def _reply(call: Any) -> list[int]:
    return cast("list[int]", await cast("Awaitable[Any]", call))


def _now() -> int:
    return time.monotonic_ns() // 1000


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000
