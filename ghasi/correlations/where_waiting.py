"""A command that waits in SMS_DISPATCH and that no table knows yet (docs/operations.md, "Where is my SMS").

The stream knows no message ids: what waits is read from the oldest on, a bounded number of commands, and the answer
says how far it looked.
"""

from __future__ import annotations

from uuid import UUID

import nats.errors
from asgiref.sync import async_to_sync
from nats.js.errors import Error as JetStreamError

from ghasi.bus import Bus, BusError, BusSettings
from ghasi.contracts import subjects
from ghasi.correlations.accounting import Entry, Position
from ghasi.correlations.command_reader import PAGE, Unreadable, read_page, read_positions
from ghasi.correlations.models_accounting import AccountingOpen

CONNECT_WAIT = 3.0
READ = 10_000
"""Commands read at most, those of all operators together."""


def look(message_id: UUID) -> tuple[AccountingOpen | None, str]:
    """The command as the books would have it, not stored, and in words how far was looked. Raises BusError."""
    return async_to_sync(_look)(message_id)


async def _look(message_id: UUID) -> tuple[AccountingOpen | None, str]:
    bus = await Bus.connect(BusSettings.from_env(), name="where", wait=CONNECT_WAIT)
    try:
        positions = [one for one in (await read_positions(bus)).values() if one.waiting or one.unsettled]
        to = await _end(bus) if positions else 0
        left = READ
        for number, position in enumerate(positions):
            share = max(1, left // (len(positions) - number))
            found, before = await _among(bus, position, to, message_id, share)
            left -= before
            if found is not None:
                return _as_open(position, found), f"{before} commands stand before it, of which some may be done."
    except Unreadable as error:
        raise BusError(str(error)) from None
    finally:
        await bus.close()
    return None, f"It is not among the {READ - left} oldest commands that wait in the stream."


async def _end(bus: Bus) -> int:
    try:
        return (await bus.js.stream_info(subjects.SMS_DISPATCH)).state.last_seq
    except (JetStreamError, nats.errors.Error, TimeoutError, OSError) as error:
        raise BusError(f"{subjects.SMS_DISPATCH}: {type(error).__name__}") from None


async def _among(bus: Bus, position: Position, to: int, message_id: UUID, most: int) -> tuple[Entry | None, int]:
    """The command, and how many were read before it."""
    after, before = position.floor, 0
    while before < most and after < to:
        page, after = await read_page(bus, str(position.operator_id), after, to, size=min(PAGE, most - before))
        for entry in page:
            if entry.message_id == message_id:
                return entry, before
            before += 1
    return None, before


def _as_open(position: Position, found: Entry) -> AccountingOpen:
    return AccountingOpen(
        operator_id=position.operator_id,
        stream_seq=found.sequence,
        stored_at=found.stored_at,
        message_id=found.message_id,
        replay_attempt=found.replay_attempt,
    )
