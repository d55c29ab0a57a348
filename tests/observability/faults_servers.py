"""PostgreSQL, Redis and NATS that go away, and processes of the product that do."""

from __future__ import annotations

import asyncio

from tests.observability.scenario import Scenario, alert
from tests.observability.stage import QUICK, Cast, Stage


def usual() -> Cast:
    cast = Cast()
    cast.add("first", receipts={"delay": [1, 90]})
    cast.add("second")
    return cast


async def postgres_goes(stage: Stage) -> None:
    """Away from second 30 to 130; receipts of what was sent go on coming, and are told when it is back."""
    stage.keep("first", 6)
    stage.keep("second", 1)
    await stage.until(30)
    stage.servers.postgres.kill()
    await stage.until(130)
    await asyncio.to_thread(stage.servers.postgres.start)
    await stage.until(205)


async def postgres_refuses(stage: Stage) -> None:
    """A table is not there, as after a migration that went wrong."""
    stage.keep("second", 1)
    await stage.until(20)
    await stage.sql("alter table smpp.id_pairs rename to id_pairs_of_another_release")
    await stage.until(75)


async def redis_goes(stage: Stage) -> None:
    stage.keep("first", 4)
    stage.keep("second", 4)
    await stage.until(15)
    stage.servers.valkey.kill()
    await stage.until(100)


async def nats_goes(stage: Stage) -> None:
    """The operators go on sending receipts of what they were given."""
    stage.keep("first", 8)
    stage.keep("second", 1)
    await stage.until(25)
    stage.servers.nats.kill()
    await stage.until(110)


async def processes_end(stage: Stage) -> None:
    """The pool "dispatch" ends again and again, a second gateway for good; the pool "receipts" is taken from the
    configuration of Prometheus."""
    stage.keep("first", 3)
    await stage.gateway("gateway-b")
    await stage.until(15)
    await stage.scraper.forget(stage.targets["receipts"])
    for second in (20, 45, 70, 95):
        await stage.until(second)
        stage.product.children["dispatch"].kill()
        stage.again("dispatch")
    stage.product.children["gateway-b"].kill()
    await stage.until(170)


SCENARIOS = (
    Scenario(
        "postgres-away",
        "PostgreSQL is killed under load and comes back after 100 s.",
        usual,
        postgres_goes,
        must=(
            *alert("LedgerAway"),
            *alert("UpkeepFails"),
            *alert("AccountingStalled", "first", "second"),
            *alert("IntakeStopped", "first", "second"),
            *alert("BacklogOld", "first", "second"),
            *alert("ReceiptsLag", "first"),
            *alert("ReceiptsSlow", "first"),
        ),
        may=(
            *alert("SlowToWire", "first", "second"),
            *alert("ReceiptsLag", "second"),
            *alert("ReceiptsSlow", "second"),
        ),
        replays=(1, 12),
        stretched=True,
    ),
    Scenario(
        "postgres-refuses",
        "A table of the ledger is missing, as after a migration that went wrong.",
        usual,
        postgres_refuses,
        must=alert("LedgerFault"),
        may=alert("UpkeepFails"),
        replays=(1, 10),
    ),
    Scenario(
        "redis-away",
        "Redis is killed under load.",
        usual,
        redis_goes,
        must=alert("TpsLocalShare", "first", "second"),
    ),
    Scenario(
        "nats-away",
        "NATS is killed under load; the gateway is one of several.",
        usual,
        nats_goes,
        must=(
            *alert("NatsAway"),
            *alert("LeaseNotHeld"),
            *alert("BindSlotLost", "first", "second"),
            *alert("AllSessionsDown"),
            *alert("SessionUnbound", "first", "second"),
            *alert("ReceiptsRefused", "first"),
            *alert("HealthNotPublished"),
        ),
        may=(*alert("ReceiptsRefused", "second"), *alert("InDoubt", "first", "second")),
        replays=(1, 4),
        env=dict(QUICK),
    ),
    Scenario(
        "processes",
        "A pool that ends again and again, a gateway that stays away, a pool that Prometheus is not told of.",
        usual,
        processes_end,
        must=(*alert("RestartLoop"), *alert("ProcessDown"), *alert("MetricsAbsent")),
        replays=(1, 4),
        env=dict(QUICK),
    ),
)
