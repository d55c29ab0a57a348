"""Orders of the staff: bind, unbind, drain, rebind (docs/contract.md §1).

The wanted state is written first and lasts; the request only makes it known at once. So an order is kept also while
no gateway runs. `rebind` wants nothing else than before: it is a request only.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import msgspec
import nats.errors
from nats.aio.msg import Msg
from nats.js.errors import Error as JetStreamError

from ghasi.bus import Bus, BusError, BusSettings
from ghasi.contracts import subjects
from ghasi.contracts.sessions import ControlAnswer, ControlRequest, Wanted, WantedRecord

GATHER_SECONDS = 2.0
CONNECT_WAIT = 5.0
WANTED = {"bind": Wanted.BOUND, "unbind": Wanted.UNBOUND, "drain": Wanted.DRAINED}
REBIND = "rebind"
ACTIONS = (*WANTED, REBIND)
_NO_RESPONDERS = "503"


@dataclass(frozen=True, slots=True)
class Order:
    """One order to one operator. `action` is one of ACTIONS."""

    operator_id: str
    action: str
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Carried:
    """What became of an order: `answers` of the replicas the operator is assigned to, none where no gateway runs."""

    order: Order
    answers: list[ControlAnswer] = field(default_factory=list)

    @property
    def refused(self) -> bool:
        return any(not answer.ok for answer in self.answers)


def carry_out(
    settings: BusSettings, orders: list[Order], expected: Mapping[str, Collection[str]] | None = None
) -> list[Carried]:
    """Carries all orders out at once, in about two seconds; raises BusError, then any of them may stand.

    `expected` names by operator the replicas that are known to serve it: once they have answered, nobody else is
    waited for.
    """
    known = expected or {}

    async def run() -> list[Carried]:
        bus = await Bus.connect(settings, name="control", wait=CONNECT_WAIT)
        try:
            await bus.ensure(streams=False)
            carried = (_carry_out(bus, order, known.get(order.operator_id, ())) for order in orders)
            return list(await asyncio.gather(*carried))
        finally:
            await bus.close()

    return asyncio.run(run())


async def _carry_out(bus: Bus, order: Order, expected: Collection[str]) -> Carried:
    if order.action in WANTED:
        await _write(bus, order)
    request = ControlRequest(order.action, order.by, order.reason)
    return Carried(order, await gather(bus, subjects.control(order.operator_id), request, expected=expected))


async def _write(bus: Bus, order: Order) -> None:
    wanted = WantedRecord(WANTED[order.action], order.by, order.reason, time.time())
    try:
        bucket = await bus.bucket(subjects.BUCKET_WANTED)
        await bucket.put(order.operator_id, msgspec.json.encode(wanted))
    except (JetStreamError, nats.errors.Error, TimeoutError, OSError) as error:
        raise BusError(f"wanted state not written: {type(error).__name__}") from None


async def gather(
    bus: Bus,
    subject: str,
    request: ControlRequest,
    wait: float = GATHER_SECONDS,
    *,
    expected: Collection[str] = (),
) -> list[ControlAnswer]:
    """Every answer within `wait` seconds, by replica; at once where nobody listens, or where all `expected` replicas
    have answered. Raises BusError."""
    answers: dict[str, ControlAnswer] = {}
    awaited = set(expected)
    complete = asyncio.Event()

    async def take(message: Msg) -> None:
        if message.headers and message.headers.get("Status") == _NO_RESPONDERS:
            complete.set()
            return
        try:
            answer = msgspec.json.decode(message.data, type=ControlAnswer)
        except msgspec.DecodeError:
            return
        answers[answer.replica] = answer
        awaited.discard(answer.replica)
        if expected and not awaited:
            complete.set()

    inbox = bus.nc.new_inbox()
    try:
        subscription = await bus.nc.subscribe(inbox, cb=take)
        await bus.nc.publish(subject, msgspec.json.encode(request), reply=inbox)
        try:
            await asyncio.wait_for(complete.wait(), wait)
        except TimeoutError:
            pass
        await subscription.unsubscribe()
    except (nats.errors.Error, OSError) as error:
        raise BusError(f"control request: {type(error).__name__}") from None
    return [answers[replica] for replica in sorted(answers)]
