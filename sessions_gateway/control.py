"""Answers `smpp.control.{operatorId}` and `smpp.control.{operatorId}.{replica}` (docs/contract.md §1).

The wanted state lives in its bucket, so that it survives restarts: who asks writes it there, and a request that
finds it otherwise writes it too.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

import msgspec
import nats.errors
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from ghasi.bus import Bus
from ghasi.contracts import subjects
from ghasi.contracts.sessions import ControlAnswer, ControlRequest, Wanted, WantedRecord
from ghasi.logs import get_logger
from sessions_gateway.operator import Operator
from sessions_gateway.store import Store, StoreAway
from sessions_gateway.tracing import OrderRefused, Tracing

_WANTED = {"bind": Wanted.BOUND, "unbind": Wanted.UNBOUND, "drain": Wanted.DRAINED}

log = get_logger()
_decoder = msgspec.json.Decoder(ControlRequest)


class Control:
    """One answer per request from each replica the operator is assigned to."""

    def __init__(
        self, bus: Bus, store: Store, replica: str, operators: Mapping[str, Operator], tracing: Tracing
    ) -> None:
        self._bus = bus
        self._store = store
        self._replica = replica
        self._operators = operators
        self._tracing = tracing
        self._subscriptions: list[Subscription] = []

    async def start(self) -> None:
        for subject in (subjects.control("*"), subjects.control("*", self._replica)):
            self._subscriptions.append(await self._bus.nc.subscribe(subject, cb=self._take))

    async def stop(self) -> None:
        for subscription in self._subscriptions:
            try:
                await subscription.unsubscribe()
            except (nats.errors.Error, OSError):
                pass

    async def want(self, operator_id: str, wanted: WantedRecord) -> None:
        """Writes the wanted state unless it stands so already. Raises StoreAway."""
        found = await self._store.get(subjects.BUCKET_WANTED, operator_id)
        if found is not None and _wanted_of(found[0]) is wanted.wanted:
            return
        await self._store.put(subjects.BUCKET_WANTED, operator_id, msgspec.json.encode(wanted))

    async def _take(self, message: Msg) -> None:
        operator = self._operators.get(message.subject.split(".")[2])
        if operator is None or not message.reply:
            return
        try:
            answer = await self._answer(operator, _decoder.decode(message.data))
        except msgspec.DecodeError:
            answer = ControlAnswer(self._replica, False, "the request is not understood")
        except StoreAway:
            answer = ControlAnswer(self._replica, False, "the wanted state cannot be written now")
        except OrderRefused as refusal:
            answer = ControlAnswer(self._replica, False, str(refusal))
        try:
            await self._bus.nc.publish(message.reply, msgspec.json.encode(answer))
        except (nats.errors.Error, OSError):
            log.warning("control.answer_lost", operatorId=operator.operator_id)

    async def _answer(self, operator: Operator, request: ControlRequest) -> ControlAnswer:
        """Raises StoreAway, OrderRefused."""
        if request.action == "trace":
            # Repeated every few seconds: what begins and ends is logged there.
            detail = self._tracing.order(operator.operator_id, operator.traffic.taps, request, operator.tags_read)
            return ControlAnswer(self._replica, True, detail, [operator.record()])
        if request.action in _WANTED:
            wanted = WantedRecord(_WANTED[request.action], request.by, request.reason, time.time())
            await self.want(operator.operator_id, wanted)
            operator.want(wanted)
            detail = f"wanted: {wanted.wanted.value}"
        elif request.action == "rebind":
            detail = f"{operator.rebind(request.reason or 'rebind')} binds are made anew"
        elif request.action == "sessions":
            # Asked every other second while somebody looks at the admin: nothing to log.
            return ControlAnswer(self._replica, True, "", [operator.record()])
        else:
            return ControlAnswer(self._replica, False, "unknown action: bind, unbind, drain, rebind, sessions, trace")
        log.info(
            "control",
            operatorId=operator.operator_id,
            action=request.action,
            by=request.by,
            reason=request.reason,
        )
        return ControlAnswer(self._replica, True, detail, [operator.record()])


def _wanted_of(value: bytes) -> Wanted | None:
    try:
        return msgspec.json.decode(value, type=WantedRecord).wanted
    except msgspec.DecodeError:
        return None
