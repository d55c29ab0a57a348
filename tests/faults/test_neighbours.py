"""Neighbours that go away or come back as another: operator management, a PostgreSQL that was a standby."""

from __future__ import annotations

import asyncio

import psycopg
import pytest

from ghasi.devstack.servers import Servers
from tests.faults.conftest import Lines
from tests.faults.hurting import sessions_ended, under_load
from tests.faults.line import Line
from tests.faults.load import Load

AWAY = 10.0
READ_ONLY = 5.0
DOWN = 1.0


@pytest.mark.fault_set("full")
@pytest.mark.proves("credentials away")
@pytest.mark.timeout(200)
async def test_operator_management_is_away(lines: Lines) -> None:
    """Sessions that live need it no more; a gateway that starts waits for it and then binds."""
    line: Line = await lines()

    async def hurt(_: Load) -> str:
        management = line.children["management"]
        management.kill()
        await asyncio.sleep(AWAY)
        ended = sessions_ended(line)
        assert not ended, "what lives stays"
        line.kill("gateway")
        line.launch("gateway")
        binds = len(line.smsc_log(line.operator_id, "bind"))
        await asyncio.sleep(AWAY / 2)
        tried = len(line.smsc_log(line.operator_id, "bind")) - binds
        management.start()
        assert not tried, "nobody binds without credentials"
        return f"{AWAY:.0f} s, {ended} sessions ended; a gateway started meanwhile waited {AWAY / 2:.0f} s"

    await under_load(line, "credentials away", hurt)


@pytest.mark.fault_set("full")
@pytest.mark.proves("failover postgres")
@pytest.mark.timeout(200)
async def test_postgresql_comes_back_as_a_standby_that_is_promoted(lines: Lines, plant: Servers) -> None:
    """All connections are cut; the one that answers in its place refuses writes for a while."""
    line: Line = await lines()

    async def hurt(_: Load) -> str:
        _read_only(plant, "on")
        plant.postgres.kill()
        try:
            await asyncio.sleep(DOWN)
            await asyncio.to_thread(plant.postgres.start)
            await asyncio.sleep(READ_ONLY)
        finally:
            _read_only(plant, "off")
        return f"{DOWN:.0f} s away, {READ_ONLY:.0f} s read-only, {sessions_ended(line)} sessions ended"

    await under_load(line, "failover postgres", hurt)


def _read_only(plant: Servers, value: str) -> None:
    """From the next transaction of every session on."""
    with psycopg.connect(plant.database_url, autocommit=True) as database:
        database.execute("set default_transaction_read_only = off")
        database.execute(f"alter system set default_transaction_read_only = {value}")
        if value == "off":
            database.execute("select pg_reload_conf()")
