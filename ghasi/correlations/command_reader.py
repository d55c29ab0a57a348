"""Reads commands and where their consumer stands from JetStream, without taking or settling anything.

Commands come by direct get, in order and in pages. A page is whole or it is none: its end is said by the server.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import nats.errors
from nats.aio.msg import Msg
from nats.js.api import ConsumerInfo, RetentionPolicy
from nats.js.errors import Error as JetStreamError
from nats.js.errors import NotFoundError

from ghasi.bus import Bus, BusError
from ghasi.bus.direct import NOTHING, direct_get
from ghasi.contracts import subjects
from ghasi.contracts.replay import replay_attempt
from ghasi.correlations.accounting import Entry, Position

PAGE = 500
PAGE_TIMEOUT = 10.0


class Unreadable(Exception):
    """The stream is kept in a way that leaves nothing to read behind the ack floor; says which."""


class _Ids(msgspec.Struct, rename="camel"):
    message_id: UUID
    event_id: UUID
    enqueued_at: datetime


class _Loose(msgspec.Struct, rename="camel"):
    message_id: Any = None
    event_id: Any = None


_ids = msgspec.json.Decoder(_Ids)
_loose = msgspec.json.Decoder(_Loose)


async def read_positions(bus: Bus) -> dict[str, Position]:
    """Where each operator's consumer stands, by operator id in order. Raises BusError, Unreadable."""
    try:
        found = await bus.consumers(subjects.SMS_DISPATCH)
        stream = await bus.js.stream_info(subjects.SMS_DISPATCH)
    except NotFoundError:
        return {}
    except (JetStreamError, nats.errors.Error, TimeoutError, OSError) as error:
        raise BusError(f"consumers of {subjects.SMS_DISPATCH}: {type(error).__name__}") from None
    if stream.config.retention != RetentionPolicy.LIMITS:
        raise Unreadable(f"{subjects.SMS_DISPATCH} removes what is acknowledged by itself")
    if not stream.config.allow_direct or stream.created is None:
        raise Unreadable(f"{subjects.SMS_DISPATCH} has no allow_direct")
    prefix = subjects.dispatch_durable("")
    named = {info.name.removeprefix(prefix): info for info in found if info.name.startswith(prefix)}
    return {name: _position(UUID(name), stream.created, named[name]) for name in sorted(named) if _uuid(name)}


def _position(operator_id: UUID, created: datetime, info: ConsumerInfo) -> Position:
    return Position(
        operator_id=operator_id,
        created=created,
        floor=info.ack_floor.stream_seq if info.ack_floor else 0,
        delivered=info.delivered.stream_seq if info.delivered else 0,
        unsettled=info.num_ack_pending or 0,
        waiting=info.num_pending or 0,
    )


async def read_page(bus: Bus, operator_id: str, after: int, to: int, size: int = PAGE) -> tuple[list[Entry], int]:
    """The next commands above sequence `after`, at most `size` and none above `to`, and the sequence up to which that
    is all. Raises BusError where the answer is not whole, or where a replica that lags gave it."""
    messages, ended = await _get(bus, subjects.dispatch(operator_id), after + 1, size)
    entries = [entry for entry in map(_entry, messages) if entry.sequence <= to]
    if len(entries) < len(messages) or (entries and entries[-1].sequence == to):
        return entries, to
    if not ended:
        return entries, entries[-1].sequence
    if await _passed_over(bus, subjects.dispatch(operator_id), entries[-1].sequence if entries else after, to):
        raise BusError("a replica of the stream lags")
    return entries, to


async def _get(bus: Bus, subject: str, start: int, size: int) -> tuple[list[Msg], bool]:
    """Messages, and whether the subject has no more."""
    request = {"seq": start, "next_by_subj": subject, "batch": size}
    found, end = await direct_get(bus.nc, subjects.SMS_DISPATCH, request, PAGE_TIMEOUT)
    return found, end["Status"] == NOTHING or end.get("Nats-Num-Pending", "0") == "0"


async def _passed_over(bus: Bus, subject: str, after: int, to: int) -> bool:
    """Asks the stream's leader, who lags behind nobody. `to` may be a message of another subject: a consumer that has
    nothing to wait for stands at the end of the stream."""
    try:
        found = await bus.js.get_msg(subjects.SMS_DISPATCH, seq=after + 1, subject=subject, next=True, direct=False)
    except NotFoundError:
        return False
    except (JetStreamError, nats.errors.Error, TimeoutError, OSError) as error:
        raise BusError(f"command not read: {type(error).__name__}") from None
    return found.seq is not None and found.seq <= to


def _entry(message: Msg) -> Entry:
    headers = message.headers or {}
    sequence = int(headers["Nats-Sequence"])
    stored_at = datetime.fromisoformat(headers["Nats-Time-Stamp"])
    try:
        ids = _ids.decode(message.data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Entry(sequence, stored_at, *_what_can_be_read(message.data))
    attempt = replay_attempt(headers.get(subjects.HEADER_REPLAY))
    return Entry(sequence, stored_at, ids.message_id, ids.event_id, ids.enqueued_at, attempt)


def _what_can_be_read(data: bytes) -> tuple[UUID | None, UUID | None]:
    """Of a command that is none: the names it would have had."""
    try:
        loose = _loose.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None, None
    return _uuid(loose.message_id), _uuid(loose.event_id)


def _uuid(value: object) -> UUID | None:
    try:
        return UUID(value) if isinstance(value, str) else None
    except ValueError:
        return None
