"""How what may leave is cut: by the time it may leave, and by what fits into one request. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ghasi.contracts import timers
from ghasi.correlations.types import Part
from workers.outgoing import Outgoing

Leaving = tuple[Outgoing, Part]


def by_time(delays: Sequence[float]) -> list[tuple[float, int]]:
    """Bookings that leave together: (delay of the first in seconds, how many), each group within 50 ms."""
    groups: list[tuple[float, int]] = []
    span = timers.HANDOVER_SPAN_MS / 1000
    for delay in delays:
        if groups and delay - groups[-1][0] <= span:
            groups[-1] = (groups[-1][0], groups[-1][1] + 1)
        else:
            groups.append((delay, 1))
    return groups


def by_size(leaving: Sequence[Leaving], max_octets: int) -> Iterator[list[Leaving]]:
    """Hand-overs of at most `max_octets` of PDUs each, in order; a PDU that is larger goes alone."""
    parcel: list[Leaving] = []
    octets = 0
    for outgoing, part in leaving:
        size = len(outgoing.pdus[part.segment - 1])
        if parcel and octets + size > max_octets:
            yield parcel
            parcel, octets = [], 0
        parcel.append((outgoing, part))
        octets += size
    if parcel:
        yield parcel
