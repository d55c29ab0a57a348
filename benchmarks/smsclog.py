"""Times that the SMSC for load wrote (`struct record` of benchmarks/smsc/record.c). Pure."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

_RECORD = struct.Struct("=QQQHB5x")
_SUBMIT, _RESPONSE, _RECEIPT, _ACKED = 1, 2, 3, 4


@dataclass(slots=True)
class Times:
    """Unix seconds: arrivals of submit_sm by the digits of their destination, the rest by message id."""

    arrivals: dict[int, float] = field(default_factory=dict)
    responses: dict[int, float] = field(default_factory=dict)
    receipts: dict[int, float] = field(default_factory=dict)
    numbers: dict[int, int] = field(default_factory=dict)
    """Message ids by the digits of their destination."""
    acked: dict[int, float] = field(default_factory=dict)
    by_port: dict[int, list[float]] = field(default_factory=dict)
    """Arrivals on each port, in order."""


def read(content: bytes) -> Times:
    """Raises struct.error where the content is cut."""
    times = Times()
    for at, number, to, port, kind in _RECORD.iter_unpack(content):
        moment = at / 1e9
        if kind == _SUBMIT:
            times.arrivals.setdefault(to, moment)
            times.numbers.setdefault(to, number)
            times.by_port.setdefault(port, []).append(moment)
        elif kind == _RESPONSE:
            times.responses[number] = moment
        elif kind == _RECEIPT:
            times.receipts.setdefault(number, moment)
        elif kind == _ACKED:
            times.acked[number] = moment
    return times
