"""Many messages with headers in one write, and one answer for all of them: the last one's.

nats-py looks at every header by a pattern and wakes its flusher for each message: measured, 25 µs of CPU a message in
batches of a hundred, where this takes 12 (docs/decisions/0006-atomic-batches.md).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from secrets import token_hex
from typing import Any

import nats.errors
from nats.aio.msg import Msg

from ghasi.bus.lean_client import LeanClient
from ghasi.bus.wire import message

NO_RESPONDERS = "503"


async def request_burst(
    nc: LeanClient, messages: Sequence[tuple[str, Mapping[str, str], bytes]], timeout: float
) -> bytes:
    """Sends (subject, headers, payload) in order and gives the answer to the last one.

    Raises nats.errors.Error (nothing is sent where a payload is too long), OSError, TimeoutError after `timeout`
    seconds.
    """
    if any(len(payload) > nc.max_payload for _, _, payload in messages):
        raise nats.errors.MaxPayloadError
    client: Any = nc
    if not client._resp_sub_prefix:
        await client._init_request_sub()
    token = client._nuid.next().decode() + token_hex(2)
    inbox = client._resp_sub_prefix.decode() + token
    answer: asyncio.Future[Msg] = asyncio.get_running_loop().create_future()
    client._resp_map[token] = answer
    try:
        last = len(messages) - 1
        await nc.write(
            [
                message(subject, payload, headers, inbox if number == last else "")
                for number, (subject, headers, payload) in enumerate(messages)
            ]
        )
        async with asyncio.timeout(timeout):
            found = await answer
    finally:
        client._resp_map.pop(token, None)
    if found.header and found.header.get("Status") == NO_RESPONDERS:
        raise nats.errors.NoRespondersError
    return found.data
