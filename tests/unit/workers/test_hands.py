"""workers.hands: what is in hand is renewed until it is settled, lapses, or goes back."""

from __future__ import annotations

import asyncio

from tests.unit.workers.build import Bench, until
from workers.hands import Hands

Wire = list[tuple[str, bytes]]


def acks(wire: Wire) -> list[bytes]:
    return [data for kind, data in wire if kind == "ack"]


async def test_only_what_is_old_enough_and_not_settled_is_renewed(bench: Bench, wire: Wire) -> None:
    await bench.send(3)
    old, young, settled = await bench.deliveries(3)
    hands = Hands(bench.bus)
    for delivery in (old, young, settled):
        hands.hold(delivery)
    young.received_at = old.received_at + 10
    await settled.ack()
    await hands.renew(old.received_at + 5)
    await until(lambda: acks(wire) == [b"+ACK", b"+WPI"])
    assert len(hands) == 2
    await hands.release()


async def test_what_lapses_is_neither_renewed_nor_released(bench: Bench, wire: Wire) -> None:
    await bench.send(2)
    lost, kept = await bench.deliveries(2)
    hands = Hands(bench.bus)
    hands.hold(lost)
    hands.hold(kept)
    assert hands.lapse(lost)
    assert not hands.lapse(lost)
    await hands.renew(asyncio.get_running_loop().time())
    await hands.release()
    await until(lambda: acks(wire) == [b"+WPI", b"-NAK"])
    assert (lost.settled, kept.settled) == (False, True)
