"""sessions_gateway.slot_keeper: a fault of ours on the way leaves no operator without its binds."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ghasi import tasks
from sessions_gateway import slot_keeper as module
from sessions_gateway.leases import SlotLeases
from sessions_gateway.metrics import Metrics
from sessions_gateway.slot_keeper import Leases, SlotKeeper


class Owner:
    operator_id = "op"


class Store:
    """Takes every key, gives none back."""

    async def create(self, bucket: str, key: str, value: bytes) -> int:
        return 1

    async def delete(self, bucket: str, key: str, last: int) -> bool:
        return True


class Lease:
    held = True

    def may_write(self) -> bool:
        return True

    def write_for(self) -> float:
        return 9.0


class View:
    def held_elsewhere(self, operator_id: str, slot: int) -> bool:
        return False

    def ours(self, operator_id: str, slot: int) -> bool:
        return False

    def share(self, operator_id: str, most: int) -> int:
        return most


class Bind:
    """A slot's bind; `fault` is what its close raises."""

    response_timeout = 0.0
    fault: Exception | None = None

    def __init__(self, *_: Any) -> None:
        self.started = False

    def start(self) -> None:
        self.started = True

    async def close(self, grace: float, reason: str, *, within: float | None = None) -> None:
        if self.fault is not None:
            raise self.fault


class World:
    """A keeper of one slot; `faults` are raised, one each, when it has settled."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *faults: Exception) -> None:
        monkeypatch.setattr(tasks, "BEGIN_AGAIN", 0.01)
        monkeypatch.setattr(module, "BindSlot", Bind)
        monkeypatch.setattr(module, "replace", lambda tools, **_: tools)
        self.faults = list(faults)
        self.settled = asyncio.Event()
        self.unwanted = ""
        store: Any = Store()
        parts: list[Any] = [Owner(), None, Lease(), View()]
        owner, tools, lease, view = parts
        self.leases = SlotLeases(store, "me", "e", Metrics(), sole=False)
        self.keeper = SlotKeeper(
            owner,
            tools,
            Leases(lease, self.leases, view),
            most=lambda: 1,
            unwanted=lambda: self.unwanted,
            kept=lambda: False,
            settled=self._settled,
        )

    def _settled(self) -> None:
        if self.faults:
            raise self.faults.pop()
        self.settled.set()

    async def settle(self) -> None:
        self.settled.clear()
        async with asyncio.timeout(60):
            await self.settled.wait()


async def test_a_look_that_fails_is_not_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, ValueError("a fault of ours"))
    world.keeper.start()
    await world.settle()
    assert list(world.keeper.slots) == [0]
    await world.keeper.stop(0.0)
    assert world.leases.held("op") == []


async def test_slots_are_given_back_at_the_stop_whatever_fails_on_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch)
    world.keeper.start()
    await world.settle()
    monkeypatch.setattr(Bind, "fault", OSError("a fault of ours"))
    await world.keeper.stop(0.0)
    assert world.leases.held("op") == []


async def test_a_slot_that_could_not_be_given_back_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_EVERY", 0.01)
    world = World(monkeypatch)
    world.keeper.start()
    await world.settle()
    monkeypatch.setattr(Bind, "fault", OSError("a fault of ours"))
    world.unwanted = "drained"
    world.keeper.wake()
    await world.settle()
    assert list(world.keeper.slots) == [0]
    monkeypatch.setattr(Bind, "fault", None)
    async with asyncio.timeout(60):
        while world.keeper.slots or world.leases.held("op"):
            await asyncio.sleep(0.005)
    await world.keeper.stop(0.0)
