"""Clocks of servers and replicas against this machine's."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime

import msgspec

from ghasi.bus import Bus, BusError
from ghasi.contracts import subjects
from ghasi.doctor.findings import Finding, Findings
from ghasi.doctor.nats_facts import NatsFacts

SKEW = 1.0
LARGE = 5.0
"""Seconds. Expiry is told in milliseconds, a one-time password lives for minutes; leases go by monotonic clocks."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Somebody's clock less ours, and by how much that may be wrong, in seconds."""

    where: str
    offset: float
    unsure: float = 0.0


class _Stamped(msgspec.Struct):
    ts: str = ""


async def of_nats(bus: Bus, timeout: float) -> Reading | None:
    """The server's time stands in each answer about a stream. None where it says none. Raises BusError."""
    began = time.time()
    body = await bus.request(f"$JS.API.STREAM.INFO.{subjects.SMS_DISPATCH}", b"", timeout)
    ended = time.time()
    try:
        text = msgspec.json.decode(body, type=_Stamped).ts
    except msgspec.DecodeError:
        raise BusError("unreadable answer of JetStream") from None
    if not text:
        return None
    its = datetime.fromisoformat(text[:26].rstrip("Z") + "+00:00").timestamp()
    return Reading("NATS", its - (began + ended) / 2, (ended - began) / 2)


def of_gateways(facts: NatsFacts, nats_offset: float) -> list[Reading]:
    """By when a gateway says it wrote its session record, and when NATS stored it; the newest record of each."""
    newest: dict[str, Reading] = {}
    stored: dict[str, float] = {}
    for key, session in facts.sessions.items():
        at = facts.session_at.get(key)
        if at is None or not session.updated_at or stored.get(session.replica, 0.0) > at.timestamp():
            continue
        stored[session.replica] = at.timestamp()
        newest[session.replica] = Reading(
            f"gateway {session.replica}", session.updated_at - at.timestamp() + nats_offset
        )
    return [newest[replica] for replica in sorted(newest)]


def skewed(readings: list[Reading]) -> Findings:
    for one in readings:
        off = abs(one.offset) - one.unsure
        if off > SKEW:
            name = "clocks.skew_large" if off > LARGE else "clocks.skew"
            yield Finding(name, one.where, f"{one.offset:+.1f} s against this machine")
