"""Hands PDUs to the gateway replica that holds the operator, and asks it about parts of an earlier life."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import msgspec

from ghasi.bus import Bus, BusError, BusTimeout, NoHolder
from ghasi.contracts import subjects, timers
from ghasi.contracts.submission import (
    AskRequest,
    Fate,
    PartFate,
    SubmitAnswer,
    SubmitRequest,
    decode_answer,
    encode,
)
from ghasi.logs import get_logger

QUEUE_DEADLINE = 10.0
"""Seconds a PDU may wait in the gateway for its window and rate before it is given back unsent."""
ANSWER_MARGIN = 5.0
PING_EVERY = 3.0
"""Seconds without an answer until the gateway is asked whether it is still the one that took the request."""
LAST_CHANCE = 0.2
"""Seconds for an answer that was under way when its gateway was found gone."""
ASK_TIMEOUT = 5.0
ASK_AGAIN = 1.0
ASK_PATIENCE = 900.0
"""As long as a gateway's memory reaches: until then an answer can still tell what became of a part."""
GONE_AFTER = 12.0
MAX_ANSWER_PER_PDU = 160
ERROR_EPOCH = "epoch"
ERROR_MALFORMED = "malformed"
MALFORMED_AGAIN = 5.0
"""Seconds before a request that the gateway cannot read is known to be refused: the same parts come again at once,
and nothing will have changed."""


log = get_logger()


class GatewayClient:
    """All methods run on the loop; none raises: what could not be found out is a fate too."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    @property
    def max_pdus(self) -> int:
        """PDUs of one hand-over: neither request nor answer may exceed half the server's `max_payload`."""
        return max(1, min(500, self._bus.max_payload // 2 // MAX_ANSWER_PER_PDU // 2))

    @property
    def max_octets(self) -> int:
        return self._bus.max_payload // 2 - 64 * 1024

    async def submit(
        self,
        operator_id: str,
        replica: str,
        epoch: str,
        keys: Sequence[str],
        lanes: Sequence[int],
        pdus: bytes,
        pace: int = 0,
        traces: Sequence[str] = (),
    ) -> SubmitAnswer:
        """The fates in the order of `keys`. Without an answer the gateway is asked; if that fails too, every
        part is UNANSWERED. A request it cannot read is held here for a while. `pace` is what the gateway shows."""
        deadline_ms = int((time.time() + QUEUE_DEADLINE) * 1000)
        request = SubmitRequest(epoch, deadline_ms, list(keys), list(lanes), pdus, pace, list(traces))
        timeout = QUEUE_DEADLINE + timers.SUBMIT_RESPONSE + ANSWER_MARGIN
        try:
            reply = await self._answer(subjects.submit(operator_id, replica), epoch, encode(request), timeout)
        except NoHolder:
            return _all(keys, Fate.NOT_SENT, "no_holder")
        except (BusTimeout, BusError):
            return await self.ask(operator_id, replica, epoch, keys)
        answer = _checked(reply, keys)
        if any(fate.fate is Fate.NOT_SENT and fate.reason == ERROR_MALFORMED for fate in answer.fates):
            log.error("handover.malformed", operatorId=operator_id, replica=replica, count=len(keys))
            await asyncio.sleep(MALFORMED_AGAIN)
        return answer

    async def _answer(self, subject: str, epoch: str, request: bytes, timeout: float) -> bytes:
        """The reply; raises as Bus.request does, and BusTimeout early once the gateway of `epoch` is no more, or our
        connection is another one, so that the reply may have gone to nobody: the window must not stay taken for as
        long as a slow operator may need."""
        waiting = asyncio.ensure_future(self._bus.request(subject, request, timeout))
        connections = self._bus.reconnects
        try:
            while not (await asyncio.wait({waiting}, timeout=PING_EVERY))[0]:
                if await self._is_gone(subject, epoch) or self._bus.reconnects != connections:
                    await asyncio.wait({waiting}, timeout=LAST_CHANCE)
                    break
            if waiting.done():
                return waiting.result()
            raise BusTimeout(subject)
        finally:
            waiting.cancel()

    async def _is_gone(self, subject: str, epoch: str) -> bool:
        """Whether nobody, or another epoch, listens there now. A question without keys marks nothing."""
        try:
            reply = await self._bus.request(subject, encode(AskRequest(epoch, [])), PING_EVERY)
            return decode_answer(reply).error == ERROR_EPOCH
        except NoHolder:
            return True
        except (BusError, msgspec.DecodeError):
            return False

    async def ask(self, operator_id: str, replica: str, epoch: str, keys: Sequence[str]) -> SubmitAnswer:
        """What the gateway of `epoch` knows of the parts; UNANSWERED (`epoch_gone`) when it is no more."""
        question = encode(AskRequest(epoch, list(keys)))
        subject, start, nobody = subjects.submit(operator_id, replica), time.monotonic(), 0.0
        while True:
            try:
                reply = await self._bus.request(subject, question, ASK_TIMEOUT + timers.SUBMIT_RESPONSE)
                return _checked(reply, keys, missing=Fate.UNANSWERED)
            except NoHolder:
                # A gateway that reconnects is gone for a moment only; one that is dead has lost its lease by then.
                nobody = nobody or time.monotonic()
                if time.monotonic() - nobody >= GONE_AFTER:
                    return _all(keys, Fate.UNANSWERED, "epoch_gone")
            except (BusTimeout, BusError):
                nobody = 0.0
                if time.monotonic() - start >= ASK_PATIENCE:
                    return _all(keys, Fate.UNANSWERED, "no_answer")
            await asyncio.sleep(ASK_AGAIN)


def _checked(reply: bytes, keys: Sequence[str], missing: Fate = Fate.NOT_SENT) -> SubmitAnswer:
    """An answer that fits the question, whatever came."""
    try:
        answer = decode_answer(reply)
    except msgspec.DecodeError:
        return _all(keys, Fate.UNANSWERED, "unreadable_answer")
    if answer.error:
        # The whole request was refused before any octet left; an epoch that is gone cannot vouch for its past.
        return _all(keys, missing, answer.error)
    by_key = {fate.key: fate for fate in answer.fates}
    fates = [by_key.get(key) or PartFate(key, Fate.UNANSWERED, reason="not_mentioned") for key in keys]
    return SubmitAnswer(fates, answer.window_free)


def _all(keys: Sequence[str], fate: Fate, reason: str) -> SubmitAnswer:
    return SubmitAnswer([PartFate(key, fate, reason=reason) for key in keys])
