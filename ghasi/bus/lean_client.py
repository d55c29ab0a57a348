"""nats-py's client with leaner parsers, many messages in one write, and without what leaves it deaf or waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import nats.errors
from nats.aio.client import Client
from nats.aio.subscription import Subscription
from nats.protocol.parser import PERMISSIONS_ERR

from ghasi.bus.headers import parse_headers
from ghasi.bus.parser import LeanParser, Taker

UNSUBSCRIBE_WITHIN = 2
"""Seconds; nats-py takes whole ones."""


class LeanClient(Client):
    """nats-py's client with leaner parsers, and ways around a coroutine and an object for each message: `write` for
    messages that are octets already (`wire`), `subscribe_plain` for those that are to stay so."""

    def __init__(self) -> None:
        super().__init__()
        self.takers: dict[int, Taker] = {}
        self._ps = LeanParser(self)

    async def subscribe_plain(self, subject: str, take: Taker) -> Subscription:
        """`take` is called on the loop with each message as it is read. End it with `unsubscribe_plain`."""
        subscription = await self.subscribe(subject)
        self.takers[subscription._id] = take
        return subscription

    async def unsubscribe_plain(self, subscription: Subscription) -> None:
        """What the server sends until it knows of the end is still taken; `take` is called no more afterwards. Raises
        nats.errors.Error as nats-py does."""
        try:
            await subscription.unsubscribe()
            if self.is_connected:
                await self.flush(UNSUBSCRIBE_WITHIN)
        except TimeoutError:
            # A server that does not answer sends nothing either.
            pass
        finally:
            self.takers.pop(subscription._id, None)

    async def _process_msg(self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes) -> None:
        """Also for takers: what the lean parser leaves to nats-py's comes here."""
        take = self.takers.get(sid)
        if take is None:
            await super()._process_msg(sid, subject, reply, data, headers)
            return
        self.stats["in_msgs"] += 1
        self.stats["in_bytes"] += len(data)
        take(reply, data, headers or b"")

    async def _send_ping(self, future: asyncio.Future[bool] | None = None) -> None:
        """After all that was to be written before it. nats-py's own ping goes ahead of that, so that its answer says
        nothing about it: a `flush` ends too early, and a `drain` forgets what comes until the server knows of it."""
        if self._pending and self._transport and self.is_connected:
            self._transport.writelines(self._pending)
            self._pending, self._pending_data_size = [], 0
        await super()._send_ping(future)

    async def _process_pong(self) -> None:
        """One that comes after its flush was given up is one all the same: nats-py's own stops reading at it."""
        if self._pongs:
            waiting = self._pongs.pop(0)
            if not waiting.done():
                waiting.set_result(True)
            self._pongs_received += 1
            self._pings_outstanding = 0

    async def _attempt_reconnect(self) -> None:
        """Lets go of the connection at once. nats-py waits until all that was written has left, which to a host that
        is gone takes as long as the kernel tries, and asks no other server until then."""
        writer = getattr(self._transport, "_io_writer", None)
        if writer is not None:
            writer.transport.abort()
        await super()._attempt_reconnect()

    async def _process_err(self, err_msg: str) -> None:
        """nats-py closes for good on most errors the server sends; a password that was changed, or one connection too
        many, ends this connection only, and the next one may be let in."""
        if PERMISSIONS_ERR in f"nats: {err_msg}" or not (self.is_connected or self.is_reconnecting):
            await super()._process_err(err_msg)
            return
        await self._error_cb(nats.errors.Error(f"nats: {err_msg}"))
        await self._process_op_err(nats.errors.Error(f"nats: {err_msg}"))

    @staticmethod
    def _parse_header_lines(raw: bytes) -> dict[str, str]:
        return parse_headers(raw)

    async def write(self, messages: Sequence[bytes]) -> None:
        """Publishes what `wire` made, as `publish` does one by one. Raises nats.errors.Error as that does."""
        if self.is_closed:
            raise nats.errors.ConnectionClosedError
        if self.is_draining_pubs:
            raise nats.errors.ConnectionDrainingError
        octets = b"".join(messages)
        if not self.is_connected and len(octets) + self._pending_data_size > self._max_pending_size:
            raise nats.errors.OutboundBufferLimitError
        self.stats["out_msgs"] += len(messages)
        self.stats["out_bytes"] += len(octets)
        await self._send_command(octets)
        if self._flush_queue is not None and self._flush_queue.empty():
            await self._flush_pending()
