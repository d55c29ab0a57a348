"""Who watches which operator at this replica: takes orders, ends what is not renewed (docs/contract.md §1)."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Collection
from typing import Final

from ghasi.bus import Bus
from ghasi.contracts.sessions import ControlRequest
from ghasi.contracts.trace import TraceOrder
from ghasi.logs import get_logger
from ghasi.tasks import SideTasks
from sessions_gateway.metrics import Metrics
from sessions_gateway.taps import Taps
from sessions_gateway.trace import SPENT, Trace

MAX_TRACES: Final = 4
"""At once in this process, over all operators."""
STOP_SECONDS: Final = 1.0
_ID: Final = re.compile(r"[0-9a-f]{32}\Z")
_DIGITS: Final = re.compile(r"(?:[0-9]{2,15})?\Z", re.ASCII)
MASKED_DIGITS: Final = 4
"""Digits of a number by which a masked trace can be narrowed: with more of them it would tell the number."""

log = get_logger()


class OrderRefused(Exception):
    """The order is not carried out; the text says why, for the person who asked."""


class Tracing:
    """All traces of one gateway process."""

    def __init__(self, bus: Bus, replica: str, metrics: Metrics, *, unmasked_allowed: bool) -> None:
        self._bus = bus
        self._replica = replica
        self._metrics = metrics
        self._unmasked_allowed = unmasked_allowed
        self._traces: dict[tuple[str, str], Trace] = {}
        self._spent: deque[str] = deque(maxlen=100)
        """Traces whose longest time is over: repeating the order does not begin it anew."""
        self._tasks = SideTasks(lambda error: log.error("trace.failed", exc_info=error))

    def order(
        self,
        operator_id: str,
        taps: Taps,
        request: ControlRequest,
        open_tags: Callable[[], Collection[int]] = frozenset,
    ) -> str:
        """Starts, renews or ends a trace; what to answer. `open_tags` as in Trace. Raises OrderRefused."""
        order = request.trace
        if order is None or not _ID.match(order.id):
            raise OrderRefused("a trace needs an id of 32 hex digits")
        running = self._traces.get((operator_id, order.id))
        if order.stop:
            if running is not None:
                running.end("stopped")
            return "ended"
        if running is not None:
            running.renew()
            return "renewed"
        self._check(order)
        self._start(taps, request, Trace(self._bus, self._replica, operator_id, order, open_tags), operator_id)
        return "unmasked" if order.unmasked else "masked"

    async def stop(self) -> None:
        """Tells everybody that watches."""
        for trace in self._traces.values():
            trace.end("the gateway stops")
        await self._tasks.wait(STOP_SECONDS)

    def _check(self, order: TraceOrder) -> None:
        if order.unmasked and not self._unmasked_allowed:
            raise OrderRefused("this gateway shows masked PDUs only (SMPP_TRACE_UNMASKED)")
        if order.id in self._spent:
            raise OrderRefused(SPENT)
        if not _DIGITS.match(order.digits) or (len(order.digits) > MASKED_DIGITS and not order.unmasked):
            raise OrderRefused(f"digits must be the last 2 to {MASKED_DIGITS} of a number")
        if len(self._traces) >= MAX_TRACES:
            raise OrderRefused(f"{MAX_TRACES} traces are running at this gateway already")

    def _start(self, taps: Taps, request: ControlRequest, trace: Trace, operator_id: str) -> None:
        order = trace.order
        self._traces[operator_id, order.id] = trace
        taps.listen(trace)
        log.warning(
            "trace.started",
            operatorId=operator_id,
            by=request.by,
            reason=request.reason,
            detail="unmasked" if order.unmasked else "masked",
        )
        self._tasks.spawn(self._run(operator_id, order.id, taps, trace))

    async def _run(self, operator_id: str, trace_id: str, taps: Taps, trace: Trace) -> None:
        gauge = self._metrics.traces.labels(operator_id)
        gauge.inc()
        reason = "failed"
        try:
            reason = await trace.run()
        finally:
            taps.leave(trace)
            self._traces.pop((operator_id, trace_id), None)
            if reason == SPENT:
                self._spent.append(trace_id)
            gauge.dec()
            log.info("trace.ended", operatorId=operator_id, reason=reason, count=trace.copied)
