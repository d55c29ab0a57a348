"""Answers `smpp.session.*.{replica}.submit`: PDUs to write, and questions about parts of an earlier life."""

from __future__ import annotations

import asyncio
import struct
from collections import deque
from collections.abc import Callable, Mapping

import msgspec
import nats.errors
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from ghasi import crash
from ghasi.bus import Bus
from ghasi.contracts import subjects
from ghasi.contracts.submission import (
    AskRequest,
    Fate,
    PartFate,
    SubmitAnswer,
    SubmitRequest,
    decode_request,
    encode,
)
from ghasi.contracts.timers import MAX_PDU_OCTETS
from ghasi.logs import get_logger
from ghasi.smpp.constants import CommandId
from ghasi.smpp.errors import FramingError
from ghasi.smpp.pdu import frames
from ghasi.tasks import end_task, lasting
from ghasi.telemetry import TRACES
from sessions_gateway.jobs import Job, Part, fate_of_fact, not_sent
from sessions_gateway.memory import REFUSED, Memory, key_age
from sessions_gateway.metrics import OperatorMetrics
from sessions_gateway.outbound import Outbound, wall_ms

_COMMAND = struct.Struct(">I")
ERROR_EPOCH = "epoch"
ERROR_MALFORMED = "malformed"
ERROR_OPERATOR = "operator"

log = get_logger()


class Malformed(Exception):
    """The request does not hold together; nothing of it is sent."""


class Desk:
    """Takes one operator's requests apart. Knows the memory and the way out, no NATS."""

    def __init__(
        self,
        operator_id: str,
        epoch: str,
        outbound: Outbound,
        memory: Memory,
        metrics: OperatorMetrics,
        clock: Callable[[], float],
    ) -> None:
        self._operator_id = operator_id
        self._epoch = epoch
        self._outbound = outbound
        self._memory = memory
        self._metrics = metrics
        self._clock = clock

    @property
    def window_free(self) -> int:
        return self._outbound.window_free

    def take(self, request: SubmitRequest, reply: str, done: Callable[[Job], None]) -> SubmitAnswer | None:
        """An answer where it is known at once; else `done(job)` is called later. Raises Malformed."""
        if request.epoch != self._epoch:
            return SubmitAnswer([], error=ERROR_EPOCH)
        self._outbound.pace.hear(request.pace)
        pdus = _pdus(request)
        if not pdus:
            return SubmitAnswer([], self.window_free)
        names = [_name(key) for key in request.keys]
        job = Job(reply, self._operator_id, len(pdus), done)
        if TRACES.on and len(request.traces) == len(pdus):
            job.traces = request.traces
        fresh: list[Part] = []
        now_ms = wall_ms()
        known: list[tuple[int, PartFate]] = []
        for index, (key, name, pdu, lane) in enumerate(zip(request.keys, names, pdus, request.lanes, strict=True)):
            fate = self._known(key, name, job, index)
            if fate is not None:
                known.append((index, fate))
            elif self._outbound.open_part(name) is None:
                fresh.append(Part(key, name, pdu, lane, request.deadline_ms, job, index, now_ms))
        for index, fate in known:
            job.settle(index, fate)
        self._outbound.take(fresh)
        return None

    def _known(self, key: str, name: bytes, job: Job, index: int) -> PartFate | None:
        """The fate of a key that came before; waits along where it is still open."""
        part = self._outbound.open_part(name)
        if part is not None:
            self._metrics.repeats.inc()
            part.waiters.append((job, index))
            return None
        fact = self._memory.recall(name)
        if fact is None:
            return None
        if fact == REFUSED:
            self._memory.forget(name)
            self._metrics.not_sent.inc()
            return not_sent(key, "refused")
        self._metrics.repeats.inc()
        return fate_of_fact(key, fact)

    def ask(self, request: AskRequest, reply: str, done: Callable[[Job], None]) -> SubmitAnswer | None:
        """What is known of the keys; parts still open are waited for. Raises Malformed."""
        if request.epoch != self._epoch:
            return SubmitAnswer([], error=ERROR_EPOCH)
        if not request.ask:
            return SubmitAnswer([], self.window_free)
        job = Job(reply, self._operator_id, len(request.ask), done)
        names = [_name(key) for key in request.ask]
        for index, (key, name) in enumerate(zip(request.ask, names, strict=True)):
            part = self._outbound.open_part(name)
            if part is not None:
                part.waiters.append((job, index))
            else:
                job.settle(index, self._remembered(key, name))
        return None

    def _remembered(self, key: str, name: bytes) -> PartFate:
        now = self._clock()
        fact = self._memory.recall(name)
        if fact is not None and fact != REFUSED:
            return fate_of_fact(key, fact)
        if fact is None and not self._memory.reaches(key_age(key, wall_ms()), now):
            return PartFate(key, Fate.FORGOTTEN)
        self._memory.remember(name, REFUSED, now)
        return not_sent(key, "refused")


def _pdus(request: SubmitRequest) -> list[bytes]:
    """The PDUs of a request, as many as its keys. Raises Malformed."""
    try:
        pdus = frames(request.pdus)
    except FramingError as error:
        raise Malformed(str(error)) from None
    if not len(pdus) == len(request.keys) == len(request.lanes):
        raise Malformed("keys, lanes and PDUs are not as many")
    if len(set(request.keys)) != len(request.keys):
        raise Malformed("a key stands twice")
    for pdu in pdus:
        if _COMMAND.unpack_from(pdu, 4)[0] != CommandId.SUBMIT_SM or len(pdu) > MAX_PDU_OCTETS:
            raise Malformed("a PDU is no submit_sm or too long")
    return pdus


def _name(key: str) -> bytes:
    try:
        return bytes.fromhex(key)
    except ValueError:
        raise Malformed("a key is not hexadecimal") from None


class Submissions:
    """The NATS side: one subscription for all operators of this replica, one answer per request."""

    def __init__(self, bus: Bus, replica: str, desks: Mapping[str, Desk]) -> None:
        self._bus = bus
        self._subject = subjects.submit("*", replica)
        self._desks = desks
        self._answers: deque[tuple[str, bytes]] = deque()
        self._filled = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._subscription: Subscription | None = None
        self._writer: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._writer = lasting(self._write, "answers")
        self._subscription = await self._bus.nc.subscribe(
            self._subject, cb=self._take, pending_msgs_limit=-1, pending_bytes_limit=-1
        )

    async def stop_taking(self) -> None:
        """Requests sent from now on have no taker, which their senders hear at once."""
        if self._subscription is not None:
            try:
                await asyncio.wait_for(self._subscription.drain(), 2.0)  # type: ignore[no-untyped-call]
            except (nats.errors.Error, OSError, TimeoutError):
                pass

    async def stop(self) -> None:
        """Lets the answers that are due go out."""
        try:
            async with asyncio.timeout(2.0):
                await self._idle.wait()
        except TimeoutError:
            log.warning("answers.dropped", count=len(self._answers))
        await end_task(self._writer)

    async def _take(self, message: Msg) -> None:
        """Never raises: an exception here would end nothing but the sender's patience."""
        try:
            self._handle(message)
        except (Malformed, msgspec.DecodeError) as error:
            log.error("submit.malformed", subject=message.subject, errorType=type(error).__name__)
            self._answer(message.reply, SubmitAnswer([], error=ERROR_MALFORMED))

    def _handle(self, message: Msg) -> None:
        desk = self._desks.get(message.subject.split(".")[2])
        if desk is None:
            self._answer(message.reply, SubmitAnswer([], error=ERROR_OPERATOR))
            return
        request = decode_request(message.data)
        if isinstance(request, SubmitRequest):
            crash.point("gateway.on_request")
            answer = desk.take(request, message.reply, self._job_done)
        else:
            answer = desk.ask(request, message.reply, self._job_done)
        if answer is not None:
            self._answer(message.reply, answer)

    def _job_done(self, job: Job) -> None:
        desk = self._desks[job.operator_id]
        self._answer(job.reply, job.answer(desk.window_free))

    def _answer(self, reply: str, answer: SubmitAnswer) -> None:
        if reply:
            self._answers.append((reply, encode(answer)))
            self._idle.clear()
            self._filled.set()

    async def _write(self) -> None:
        while True:
            await self._filled.wait()
            self._filled.clear()
            while self._answers:
                reply, payload = self._answers.popleft()
                try:
                    await self._bus.nc.publish(reply, payload)
                    crash.soon("gateway.after_answer")
                except (nats.errors.Error, OSError) as error:
                    # The worker asks again: what was sent is remembered.
                    log.warning("answer.lost", errorType=type(error).__name__)
            self._idle.set()
