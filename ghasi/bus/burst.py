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
from nats.aio.client import Client
from nats.aio.msg import Msg

NO_RESPONDERS = "503"


async def request_burst(
    nc: Client, messages: Sequence[tuple[str, Mapping[str, str], bytes]], timeout: float
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
        commands = [
            publish_command(subject, inbox if number == last else "", headers, payload)
            for number, (subject, headers, payload) in enumerate(messages)
        ]
        client.stats["out_msgs"] += len(messages)
        client.stats["out_bytes"] += sum(len(payload) for _, _, payload in messages)
        await client._send_command(b"".join(commands))
        await client._flush_pending()
        async with asyncio.timeout(timeout):
            found = await answer
    finally:
        client._resp_map.pop(token, None)
    if found.header and found.header.get("Status") == NO_RESPONDERS:
        raise nats.errors.NoRespondersError
    return found.data


def publish_command(subject: str, reply: str, headers: Mapping[str, str], payload: bytes) -> bytes:
    """The HPUB of the NATS protocol. A line break in a value becomes a space: it would begin another header."""
    lines = "".join([f"{name}: {_one_line(value)}\r\n" for name, value in headers.items()])
    head = f"NATS/1.0\r\n{lines}\r\n".encode()
    return b"HPUB %b %b %d %d\r\n%b%b\r\n" % (
        subject.encode(),
        reply.encode(),
        len(head),
        len(head) + len(payload),
        head,
        payload,
    )


def _one_line(value: str) -> str:
    value = value.strip()
    return value if value.isprintable() else " ".join(value.splitlines())
