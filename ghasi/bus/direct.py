"""Messages of a stream read by batched direct get, which no consumer and no acknowledgement knows of."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import msgspec
import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from ghasi.bus.errors import BusError

END, NOTHING = "204", "404"
"""How the server ends a batch, and how it says that there is none."""


async def direct_get(
    nc: Client, stream: str, request: Mapping[str, object], timeout: float
) -> tuple[list[Msg], Mapping[str, str]]:
    """What the server sends for `request` ("batch" and where to begin), and the headers by which it ended that, whose
    Status is END or NOTHING. Raises BusError where it sends no end within `timeout` seconds, or another status."""
    found: list[Msg] = []
    end: asyncio.Future[Mapping[str, str]] = asyncio.get_running_loop().create_future()

    async def take(message: Msg) -> None:
        headers = message.headers or {}
        if "Status" not in headers:
            found.append(message)
        elif not end.done():
            end.set_result(headers)

    inbox = nc.new_inbox()
    try:
        subscription = await nc.subscribe(inbox, cb=take, pending_msgs_limit=-1, pending_bytes_limit=-1)
        try:
            await nc.publish(f"$JS.API.DIRECT.GET.{stream}", msgspec.json.encode(request), reply=inbox)
            headers = await asyncio.wait_for(end, timeout)
        finally:
            await subscription.unsubscribe()
    except (TimeoutError, nats.errors.Error, OSError) as error:
        raise BusError(f"{stream} not read: {type(error).__name__}") from None
    if headers["Status"] not in (END, NOTHING):
        raise BusError(f"{stream} not read: status {headers['Status']}")
    return found, headers
