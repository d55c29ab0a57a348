"""Commands kept in SMPP_DEAD, published once more because a person wants it (docs/contract.md §1, Smpp-Replay)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import nats.errors
from asgiref.sync import sync_to_async
from nats.js.errors import Error as JetStreamError
from nats.js.errors import NotFoundError

from ghasi import crash
from ghasi.bus import Bus, BusError, BusSettings, Publication
from ghasi.contracts import subjects
from ghasi.correlations import dead

CONNECT_WAIT = 5.0


@dataclass(frozen=True, slots=True)
class Resend:
    """A message whose parts up to `attempt` are to be sent again; `stream_seq` is where SMPP_DEAD keeps it."""

    message_id: UUID
    stream_seq: int | None
    attempt: int


@dataclass(frozen=True, slots=True)
class NotKept:
    """A message that cannot be sent again from here, and why."""

    message_id: UUID
    reason: str


async def resend(wanted: Sequence[Resend], begin: Callable[[UUID, int], None]) -> list[Resend | NotKept]:
    """What became of each; `begin` is told of message and attempt before each is published. Publishing the same
    attempt again changes nothing. Raises BusError, DatabaseError, and what `begin` raises."""
    bus = await Bus.connect(BusSettings.from_env(), name="held", wait=CONNECT_WAIT)
    try:
        return [await _resend(bus, one, begin) for one in wanted]
    finally:
        await bus.close()


async def _resend(bus: Bus, one: Resend, begin: Callable[[UUID, int], None]) -> Resend | NotKept:
    if one.stream_seq is None:
        return NotKept(one.message_id, "its command is not in the index of dead letters")
    try:
        kept = await bus.js.get_msg(subjects.SMPP_DEAD, one.stream_seq)
    except NotFoundError:
        return NotKept(one.message_id, "SMPP_DEAD does not keep it any more")
    except (JetStreamError, nats.errors.Error, TimeoutError, OSError) as error:
        raise BusError(f"SMPP_DEAD: {type(error).__name__}") from None
    headers = kept.headers or {}
    if headers.get("Smpp-Truncated") or headers.get("Smpp-Message-Id") != str(one.message_id):
        return NotKept(one.message_id, "SMPP_DEAD does not keep the whole of it")
    operator_id = (kept.subject or "").rpartition(".")[2]
    replay = {subjects.HEADER_REPLAY: str(one.attempt)}
    msg_id = f"replay-{one.message_id}-{one.attempt}"
    await sync_to_async(begin)(one.message_id, one.attempt)
    crash.point("replay.begun")
    await bus.publish(Publication(subjects.dispatch(operator_id), kept.data or b"", msg_id, replay))
    crash.point("replay.published")
    await sync_to_async(dead.sent_again)([(one.message_id, one.stream_seq)], datetime.now(UTC))
    return one
