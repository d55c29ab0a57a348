"""workers.backups: who else's receipts are consumed here."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ghasi.bus import BusError
from ghasi.contracts.sessions import SessionRecord, State
from tests.unit.workers.build import until
from workers import backups as module
from workers.backups import Backups
from workers.holders import Holders


def told(holders: Holders, operator_id: str, **changes: Any) -> None:
    holders.put(SessionRecord(operator_id, "r1", "e", State.BOUND, **changes))


async def test_each_backup_is_opened_once_and_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_EVERY", 0.02)
    opened: list[str] = []
    failing = ["b"]

    async def open_one(operator_id: str) -> None:
        if operator_id in failing:
            failing.remove(operator_id)
            raise BusError("away")
        opened.append(operator_id)

    holders = Holders(asyncio.get_running_loop().time)
    told(holders, "a", backup_operator_id="b")
    backups = Backups(holders, ("a", "c"), open_one)
    backups.start()
    try:
        await until(lambda: opened == ["b"], "tried again after a failure")
        told(holders, "c", backup_operator_id="a")
        told(holders, "x", backup_operator_id="y")
        told(holders, "b", backup_operator_id="z")
        told(holders, "a", backup_operator_id=None)
        told(holders, "c", backup_operator_id="d", carried_by="e")
        await until(lambda: opened == ["b", "d", "e"])
        told(holders, "a", backup_operator_id="b")
        told(holders, "a", backup_operator_id="f")
        await until(lambda: opened == ["b", "d", "e", "f"])
    finally:
        await backups.stop()
