"""How a part came from the stream to the wire: its command, what held it up, its permit, its hand-over. Pure.

Rows of a version that did not keep these times have none of them; then no time is made up.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, timedelta

import msgspec

from ghasi.correlations.ids import moment_of
from ghasi.correlations.models import MessageCorrelation
from ghasi.correlations.types import Delay
from ghasi.correlations.where_entry import CONNECTOR, Entry, part_of

SAME = timedelta(milliseconds=2)
"""The stream's time of a command reaches us on two ways, of which one rounds."""
WAITED = {
    "not bound": "Waited in hand: {carrier} was not bound.",
    "lane window": "Waited in hand: the windows of {carrier}'s binds were full.",
    "limiter": "Waited in hand: the limiter paused, because it could not know what was booked before (an empty "
    "Redis, one that lost a booking, or one that went or returned).",
    "window": "Waited in the gateway: the window of the bind was full.",
    "gate": "Waited in the gateway: the last gate held it back, so that the operator's limit is kept.",
}
"""What a part waited for that left in the end, by types.Delay.why; any other word is why it came back unsent."""


def commands(rows: Iterable[MessageCorrelation], known: Collection[datetime]) -> Iterator[Entry]:
    """One for each command that rows name, but for those stored at the times that are `known`."""
    told = list(known)
    for row in sorted(rows, key=lambda one: (one.attempt, one.segment)):
        at = stored_at(row)
        if at is not None and not any(abs(at - one) <= SAME for one in told):
            told.append(at)
            yield Entry("command", "Stored in SMS_DISPATCH.", CONNECTOR, at, at)


def passage(row: MessageCorrelation, claimed: datetime, carrier: str) -> Iterator[Entry]:
    """From the limiter to the wire, as far as the row tells."""
    for delay in delays_of(row):
        yield _delay(delay, part_of(row), carrier)
    if row.gateway_replica is None:
        return
    left, part, gateway = max(claimed, row.prepared_at), part_of(row), f"gateway {row.gateway_replica}"
    yield _permit(row, left)
    what = f"Given to the gateway that holds {carrier}'s sessions."
    yield Entry("handed over", what, gateway, left, left, part, f"epoch {row.gateway_epoch}")


def stored_at(row: MessageCorrelation) -> datetime | None:
    """When the stream took the command that the row was made for."""
    return None if row.command_age is None else moment_of(row.pk) - timedelta(milliseconds=row.command_age)


def permit_at(row: MessageCorrelation) -> datetime | None:
    """The time its permit was for."""
    return None if row.permit_age is None else row.prepared_at - timedelta(milliseconds=row.permit_age)


def delays_of(row: MessageCorrelation) -> list[Delay]:
    """What held it up, as far as it was kept: a second and more, and each time it came back unsent."""
    return msgspec.convert(row.delays or [], list[Delay])


def _permit(row: MessageCorrelation, left: datetime) -> Entry:
    part = part_of(row)
    if (at := permit_at(row)) is None:
        note = "Their times are not kept: they lie before the hand-over."
        return Entry("permits", "Permits of the operator's rate were booked.", CONNECTOR, None, left, part, note)
    wait = timedelta(milliseconds=row.permit_wait or 0)
    what = "The operator's rate let it leave."
    note = f"booked {_span(wait)} before" if wait else "booked at that moment, for at once"
    return Entry("permits", what, CONNECTOR, at, min(left, at), part, note)


def _delay(delay: Delay, part: str, carrier: str) -> Entry:
    if words := WAITED.get(delay.why):
        note = f"{_span(delay.until - delay.since)}, until {delay.until:%H:%M:%S} UTC"
        return Entry("waited", words.format(carrier=carrier), CONNECTOR, delay.since, delay.since, part, note)
    what = f"Came back unsent from the gateway: {delay.why}."
    note = f"{_span(delay.until - delay.since)} after it was handed over"
    return Entry("unsent", what, CONNECTOR, delay.until, delay.until, part, note)


def _span(length: timedelta) -> str:
    return f"{max(0.0, length.total_seconds()):.3f} s"
