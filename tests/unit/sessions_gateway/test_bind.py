"""A slot outlives whatever its attempts meet."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ghasi.contracts.sessions import State
from ghasi.tasks import end_task
from sessions_gateway.bind import BindSlot, SlotTools
from sessions_gateway.config import LinkTimers, Retries
from sessions_gateway.connection import Link
from sessions_gateway.dial import ConnectFailed, Endpoint


class Owner:
    """Its way out breaks once; `tried` is set at the second attempt."""

    operator_id = "op"
    remembered_plan = None

    def __init__(self) -> None:
        self.reasons: list[str] = []
        self.tried = asyncio.Event()

    def slot_changed(self, slot: int) -> None: ...

    def slot_unbound(self, slot: int, reason: str) -> None:
        self.reasons.append(reason)
        raise RuntimeError("not even this works")

    def attempt_again(self) -> None:
        self.tried.set()


class Surprise:
    async def fetch(self, operator_id: str) -> Any:
        raise RuntimeError("nobody expected this")


async def test_an_unexpected_error_is_a_failed_attempt() -> None:
    owner: Any = Owner()
    credentials: Any = Surprise()
    slot = BindSlot(owner, 0, SlotTools(credentials, LinkTimers(), Retries(reconnect=(0.01,)), lambda: True))
    slot.start()
    async with asyncio.timeout(60):
        await owner.tried.wait()
    assert owner.reasons[0] == "unexpected RuntimeError"
    assert slot.failures >= 1
    assert slot.state in (State.UNBOUND, State.CONNECTING)
    await end_task(slot._task)


class Traffic:
    def __getattr__(self, name: str) -> Any:
        return lambda *_: None


@pytest.mark.parametrize("host", ["smsc..example.net", "x" * 64 + ".example.net", "a\0b"])
async def test_a_host_that_is_no_name_is_no_connection(host: str) -> None:
    owner: Any = Traffic()
    with pytest.raises(ConnectFailed, match="look at the host name"):
        await Link.open(Endpoint(host, 2775), owner, LinkTimers(), 1, lambda: True)
