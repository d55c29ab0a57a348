"""What is stored: books that do not hold, full streams, missing days, receipts nobody is told of."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from nats.js.api import AckPolicy, ConsumerConfig, DiscardPolicy

from ghasi.contracts import subjects, topology
from ghasi.correlations.partitions import ledger_day
from tests.observability.scenario import Scenario, alert
from tests.observability.stage import Cast, Stage
from workers.context import utc_now

ROOM = 4_096


def books() -> Cast:
    cast = Cast()
    cast.add("well")
    cast.add("robbed")
    cast.add("forgotten", outages=[{"after": 0, "until": 100_000}])
    return cast


async def books_do_not_hold(stage: Stage) -> None:
    """One command of "robbed" is acknowledged behind the workers' back. The stream is deleted and made anew while
    commands of "forgotten" are in hand. Tomorrow's partition is dropped."""
    stage.keep("well", 2)
    await stage.until(15)
    await _steal(stage, "robbed")
    await stage.send("forgotten", 20)
    await stage.until(45)
    tomorrow = ledger_day(utc_now() + timedelta(days=1))
    await stage.sql(f"drop table smpp.message_correlations_{tomorrow:%Y%m%d}")
    await stage.platform.bus.js.delete_stream(subjects.SMS_DISPATCH)
    await stage.platform.bus.ensure()
    await stage.until(140)


async def _steal(stage: Stage, name: str) -> None:
    lane = await stage.platform.bus.pull(topology.dispatch_consumer(stage.id(name)))
    taking = asyncio.create_task(lane.fetch(1, 10.0))
    await asyncio.sleep(0)
    await stage.platform.bus.flush()
    await stage.send(name, 60)
    for message in await taking:
        await stage.platform.bus.settle_surely(message, 5.0)
    await lane.stop()


def streams() -> Cast:
    cast = Cast()
    cast.add("well")
    cast.add("refuses", rules=[{"to": "*404", "status": "ESME_RINVDSTADR"}])
    return cast


async def streams_are_full(stage: Stage) -> None:
    """SMPP_DEAD takes nothing more; SUBMIT_EVENTS forgets what a reader has not read."""
    stage.keep("well", 4)
    stage.keep("refuses", 1, "404")
    js = stage.platform.bus.js
    await js.add_consumer(
        subjects.SUBMIT_EVENTS, ConsumerConfig(durable_name="slow-reader", ack_policy=AckPolicy.EXPLICIT)
    )
    await stage.until(20)
    dead = await js.stream_info(subjects.SMPP_DEAD)
    await js.update_stream(dead.config.evolve(max_bytes=dead.state.bytes + ROOM, discard=DiscardPolicy.NEW))
    events = await js.stream_info(subjects.SUBMIT_EVENTS)
    await js.update_stream(events.config.evolve(max_bytes=ROOM, discard=DiscardPolicy.OLD))
    await stage.until(110)


def untold() -> Cast:
    cast = Cast()
    cast.add("well")
    cast.add("untold", rules=[{"receipt": {"id": "424242424242"}}])
    return cast


async def receipts_are_untold(stage: Stage) -> None:
    """DLR_EVENTS takes nothing, so nobody can be told of receipts that match no part. They are made twenty minutes
    older than they are."""
    await stage.send("untold", 5)
    await stage.until(12)
    js = stage.platform.bus.js
    events = await js.stream_info(subjects.DLR_EVENTS)
    await js.update_stream(events.config.evolve(max_bytes=events.state.bytes + 1, discard=DiscardPolicy.NEW))
    await stage.sql("update smpp.receipts_inbox set taken_at = taken_at - interval '20 minutes'")
    await stage.until(75)


SCENARIOS = (
    Scenario(
        "books",
        "A command that is lost, commands of which nothing can be told, a day of the ledger that is not there.",
        books,
        books_do_not_hold,
        must=(
            *alert("AccountingDifference", "robbed"),
            *alert("AccountingUntold", "forgotten"),
            *alert("LedgerDaysMissing"),
        ),
        may=alert("SessionUnbound", "forgotten"),
        replays=(1, 10),
    ),
    Scenario(
        "streams",
        "SMPP_DEAD is full, and an event stream that forgets overtakes its reader.",
        streams,
        streams_are_full,
        must=(
            *alert("DeadLettersRefused", "refuses"),
            *alert("DeadLetters", "refuses"),
            *alert("StreamNearlyFull"),
            *alert("EventsForgotten"),
        ),
        may=alert("Rejects", "refuses"),
        replays=(1, 8),
    ),
    Scenario(
        "untold",
        "Receipts that match no part, of which nobody can be told because DLR_EVENTS takes nothing.",
        untold,
        receipts_are_untold,
        must=alert("ReceiptsUntold", "untold"),
        may=(*alert("UpkeepFails"),),
        replays=(1, 10),
    ),
)
