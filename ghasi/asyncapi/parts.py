"""What the AsyncAPI document is put together from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ghasi.contracts.topology import Bucket, Consumer, Stream

JSON = "application/json"
MSGPACK = "application/msgpack"
OCTETS = "application/octet-stream"
Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Message:
    """One kind of message. `payload` is a type of ours (its schema is made from it) or a schema."""

    name: str
    summary: str
    payload: type | Schema
    content_type: str = JSON
    headers: Schema | None = None


@dataclass(frozen=True, slots=True)
class Channel:
    """A subject with its `{parameters}`; kept by a stream or a bucket, or by nothing (core NATS)."""

    name: str
    address: str
    summary: str
    messages: tuple[Message, ...]
    stream: Stream | None = None
    consumer: Consumer | None = None
    bucket: Bucket | None = None


@dataclass(frozen=True, slots=True)
class Operation:
    """What one of our processes does on a channel. `answer` is the message of a reply to a request."""

    name: str
    action: Literal["send", "receive"]
    channel: str
    who: str
    summary: str
    answer: Message | None = None
