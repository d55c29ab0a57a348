"""Which operators the living processes are assigned to: an order for any other reaches nobody."""

from __future__ import annotations

import asyncio

import msgspec

from ghasi.bus import Bus, BusSettings
from ghasi.contracts import subjects
from ghasi.operators.live import CONNECT_WAIT, records_of

NOBODY = "no living gateway or worker is assigned to it; is the id right?"


class _Assigned(msgspec.Struct, frozen=True, rename="camel"):
    """What the presence records of gateways and workers have in common."""

    operator_ids: list[str] = []


def read_served(settings: BusSettings) -> set[str]:
    """Connects, reads, closes; operator ids. Raises BusError."""

    async def read() -> set[str]:
        bus = await Bus.connect(settings, name="operators", wait=CONNECT_WAIT)
        try:
            return await served_of(bus)
        finally:
            await bus.close()

    return asyncio.run(read())


async def served_of(bus: Bus) -> set[str]:
    """Raises BusError."""
    found = await records_of(bus, subjects.BUCKET_REPLICAS, _Assigned)
    return {operator_id for one in found.values() for operator_id in one.operator_ids}
