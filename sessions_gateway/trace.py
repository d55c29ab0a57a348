"""Copies of an operator's PDUs for one who watches (docs/architecture.md, "Tracing").

What is heard is chosen and kept in a bounded buffer; a task of its own masks and publishes it. Whatever does not fit
is counted and told. A PDU is masked before it is published, and no password is published at all.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection
from typing import Final

import nats.errors

from ghasi.bus import Bus
from ghasi.contracts import subjects
from ghasi.contracts.trace import LEASE_SECONDS, LONGEST_SECONDS, TraceBatch, TracedPdu, TraceOrder, encode_batch
from ghasi.smpp.masking import masked, without_password
from ghasi.tasks import wait_event
from sessions_gateway.taps import Line
from sessions_gateway.trace_choice import Choice
from sessions_gateway.trace_requests import Requests

MOST_PER_SECOND: Final = 500
"""PDUs copied in a second: masking one takes about 0.05 ms of the loop that serves the traffic."""
MAX_WAITING: Final = 2_000
MAX_WAITING_OCTETS: Final = 1024 * 1024
MAX_BATCH: Final = 25
MAX_BATCH_OCTETS: Final = 128 * 1024
MAX_UNSENT_OCTETS: Final = 1024 * 1024
"""Octets that wait in the NATS client: beyond them it has better things to send."""
GATHER_SECONDS: Final = 0.05
NOT_RENEWED: Final = "not renewed"
SPENT: Final = "the longest time is over"


class Trace:
    """One order at one replica, from `run`'s begin to its end. `hear` is called by the taps."""

    def __init__(
        self,
        bus: Bus,
        replica: str,
        operator_id: str,
        order: TraceOrder,
        open_tags: Callable[[], Collection[int]] = frozenset,
    ) -> None:
        """`open_tags` are the vendor TLVs that the operator's profile reads now."""
        self._bus = bus
        self._replica = replica
        self._subject = subjects.trace(operator_id, order.id)
        self.order = order
        self._unmasked = order.unmasked
        self._open_tags = open_tags
        self._requests = Requests()
        self._choice = Choice(frozenset(order.commands), order.digits)
        self._loop = asyncio.get_running_loop()
        self._longest = self._loop.time() + LONGEST_SECONDS
        self._until = 0.0
        self._waiting: deque[tuple[TracedPdu, bytes]] = deque()
        """With the request that a PDU answers, empty for none."""
        self._octets = 0
        self._dropped = 0
        self._number = 0
        self._second = (0, 0)
        """The second of the loop's clock, and what was taken in it."""
        self._filled = asyncio.Event()
        self._ended = ""
        self.copied = 0
        self.renew()

    def renew(self) -> None:
        """Who watches is still there."""
        self._until = min(self._loop.time() + LEASE_SECONDS, self._longest)

    def end(self, reason: str) -> None:
        """`run` publishes what waits and returns."""
        self._ended = self._ended or reason
        self._filled.set()

    def hear(self, at_us: int, sent: bool, line: Line, frame: bytes) -> None:
        if self._ended:
            return
        request = b"" if self._unmasked else self._requests.heard(sent, line.number, frame)
        if not self._choice.wants(sent, line.number, frame):
            return
        if not self._fits(len(frame)):
            self._dropped += 1
            return
        pdu = TracedPdu(at_us, sent, line.slot, line.number, line.local, line.remote, frame)
        self._waiting.append((pdu, request))
        self._octets += len(frame)
        self._filled.set()

    def _fits(self, octets: int) -> bool:
        if len(self._waiting) >= MAX_WAITING or self._octets + octets > MAX_WAITING_OCTETS:
            return False
        second = int(self._loop.time())
        taken = self._second[1] if self._second[0] == second else 0
        self._second = (second, taken + 1)
        return taken < MOST_PER_SECOND

    async def run(self) -> str:
        """Publishes until it is ended or not renewed; returns why it ended."""
        while not self._ended:
            left = self._until - self._loop.time()
            if left <= 0:
                self.end(NOT_RENEWED if self._until < self._longest else SPENT)
            elif await wait_event(self._filled, left):
                # One write for what belongs together, and never more than twenty a second.
                await asyncio.sleep(0 if self._ended else GATHER_SECONDS)
                await self._publish_waiting()
        await self._publish_waiting()
        await self._publish([], self._ended)
        return self._ended

    async def _publish_waiting(self) -> None:
        self._filled.clear()
        while self._waiting:
            await self._publish(self._take())
            # Masking takes its time: the traffic goes first.
            await asyncio.sleep(0)

    def _take(self) -> list[tuple[TracedPdu, bytes]]:
        taken: list[tuple[TracedPdu, bytes]] = []
        octets = 0
        while self._waiting and len(taken) < MAX_BATCH and octets < MAX_BATCH_OCTETS:
            taken.append(self._waiting.popleft())
            octets += len(taken[-1][0].octets)
        self._octets -= octets
        return taken

    def _shown(self, pdu: TracedPdu, request: bytes) -> TracedPdu:
        frame = pdu.octets
        octets = without_password(frame) if self._unmasked else masked(frame, request, self._open_tags())
        return TracedPdu(pdu.at_us, pdu.sent, pdu.slot, pdu.link, pdu.local, pdu.remote, octets)

    async def _publish(self, pdus: list[tuple[TracedPdu, bytes]], ended: str = "") -> None:
        """Never waits for NATS: where it is away or slow, what should go out is dropped and counted."""
        nc = self._bus.nc
        if not nc.is_connected or nc.pending_data_size > MAX_UNSENT_OCTETS:
            self._dropped += len(pdus)
            return
        shown = [self._shown(pdu, request) for pdu, request in pdus]
        batch = TraceBatch(self._replica, self._number + 1, shown, self._dropped, ended)
        payload = encode_batch(batch)
        if len(payload) > self._bus.max_payload // 2:
            self._dropped += len(pdus)
            return
        try:
            await nc.publish(self._subject, payload)
        except (nats.errors.Error, OSError):
            self._dropped += len(pdus)
            return
        self._number += 1
        self._dropped = 0
        self.copied += len(pdus)
