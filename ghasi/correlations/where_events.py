"""The events of one message, found in the event streams (docs/operations.md, "Where is my SMS").

The streams know no message ids, so they are read from the times the ledger gives, for a bounded number of events: on
a busy platform an event may lie behind what is read, and the answer says how far it looked.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
from asgiref.sync import async_to_sync
from nats.aio.msg import Msg

from ghasi.bus import Bus, BusSettings
from ghasi.bus.direct import direct_get
from ghasi.contracts import subjects
from ghasi.correlations.where_entries import Kept
from ghasi.correlations.where_entry import CONNECTOR, Entry

STREAMS = {subjects.SUBMIT_EVENTS: subjects.SUBMIT_RESULT, subjects.DLR_EVENTS: subjects.DLR_INBOUND}
CONNECT_WAIT = 3.0
PAGE = 500
READ = 5_000
"""Events read of each stream at most."""
BEFORE = timedelta(seconds=1)
BEHIND = timedelta(seconds=60)
"""An event follows what it tells within this time, or the connector was busy with worse."""
MOMENTS = 12
PAGE_TIMEOUT = 3.0


@dataclass(frozen=True, slots=True)
class Seen:
    """Events of the message, and in words how far was looked."""

    entries: tuple[Entry, ...] = ()
    words: str = ""


class _Event(msgspec.Struct, rename="camel"):
    event_id: str = ""
    message_id: str | None = None
    result: str = ""
    status: str = ""
    reason: str | None = None
    segment: int | None = None
    segments: int | None = None
    attempt: int | None = None


_events = msgspec.json.Decoder(_Event)


def look(message_id: UUID, kept: Kept) -> Seen:
    """Reads both streams around the times at which something of the message was settled. Raises BusError."""
    return async_to_sync(_look)(message_id, spans(moments(kept)))


def moments(kept: Kept) -> list[datetime]:
    """When events of the message may have been published, as far as the database tells."""
    found: set[datetime | None] = {letter.at for letter in kept.dead}
    for row in kept.rows:
        found |= {row.prepared_at, row.submitted_at, row.refused_at, row.in_doubt_at, row.dlr_received_at}
        found |= {row.policy_at, row.closed_at}
    for receipt in kept.receipts:
        found |= {receipt.matched_at, receipt.published_at}
    found |= {action.at for action in kept.actions}
    return sorted(one for one in found if one is not None)


def spans(times: Iterable[datetime]) -> list[tuple[datetime, datetime]]:
    """From shortly before to a while after each time, those that touch joined; the newest few."""
    joined: list[tuple[datetime, datetime]] = []
    for moment in sorted(times):
        since, until = moment - BEFORE, moment + BEHIND
        if joined and since <= joined[-1][1]:
            joined[-1] = (joined[-1][0], until)
        else:
            joined.append((since, until))
    return joined[-MOMENTS:]


async def _look(message_id: UUID, wanted: Sequence[tuple[datetime, datetime]]) -> Seen:
    bus = await Bus.connect(BusSettings.from_env(), name="where", wait=CONNECT_WAIT)
    try:
        found: dict[tuple[str, int], Entry] = {}
        cut = False
        for stream in STREAMS:
            left = READ
            for since, until in wanted:
                some, left = await _read(bus, stream, message_id, (since, until), left)
                found |= {(stream, sequence): entry for sequence, entry in some}
            cut = cut or left <= 0
    finally:
        await bus.close()
    how = f"No further than {READ} events of each stream were read: there may be more." if cut else ""
    count = f"{len(found)} event{'' if len(found) == 1 else 's'} of it found in the streams, which keep 7 days."
    return Seen(tuple(found.values()), f"{count} {how}".strip())


async def _read(
    bus: Bus, stream: str, message_id: UUID, span: tuple[datetime, datetime], left: int
) -> tuple[list[tuple[int, Entry]], int]:
    """Events of the message within the span by stream sequence, and how many more may be read."""
    since, until = span
    found: list[tuple[int, Entry]] = []
    start: dict[str, object] = {"start_time": since.astimezone(UTC).isoformat().replace("+00:00", "Z")}
    while left > 0:
        request = {**start, "next_by_subj": STREAMS[stream], "batch": min(PAGE, left)}
        page, _ = await direct_get(bus.nc, stream, request, PAGE_TIMEOUT)
        if not page:
            break
        left -= len(page)
        entries = ((_sequence(message), _entry(stream, message, message_id)) for message in page)
        found += [(number, entry) for number, entry in entries if entry is not None and entry.after <= until]
        if len(page) < PAGE or _stored_at(page[-1]) > until:
            break
        start = {"seq": _sequence(page[-1]) + 1}
    return found, left


def _entry(stream: str, message: Msg, message_id: UUID) -> Entry | None:
    if str(message_id).encode() not in message.data:
        return None
    try:
        event = _events.decode(message.data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    if event.message_id != str(message_id):
        return None
    at = _stored_at(message)
    said = " ".join(one for one in (event.result or event.status, event.reason) if one)
    part = f"{event.segment}/{event.segments}" if event.segment else ""
    tried = f"attempt {event.attempt}, " if event.attempt else ""
    what = f"Event published: {stream}, {said}."
    return Entry(
        "event", what, CONNECTOR, at, at, part, f"{tried}eventId {event.event_id}, sequence {_sequence(message)}"
    )


def _stored_at(message: Msg) -> datetime:
    return datetime.fromisoformat((message.headers or {})["Nats-Time-Stamp"])


def _sequence(message: Msg) -> int:
    return int((message.headers or {})["Nats-Sequence"])
