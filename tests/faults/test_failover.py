"""An operator that goes away, on the whole stack: its backup carries what waits, and gives the traffic back."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import connection

from ghasi.devstack.servers import Servers
from tests.faults import figures
from tests.support.platform import Platform, command
from tests.support.product import Product, operator
from tests.support.rate import surely_in_a_second

BEGINS = 20.0, 45.0
"""Seconds from the start of the simulator to the first outage: where not everything is up by the first, on a busy
machine, it is all started again for the second."""
SHORT = {"FAILOVER_AFTER": "2", "FAILOVER_RETURN_AFTER": "4", "SMPP_RECONNECT_DELAYS": "0.5,1"}
RULES = {"override": {"rules": {"inDoubtWait": 1.5}}}


class TooSlow(Exception):
    """The outages begin before everything is up."""


@dataclass
class Pair:
    """The product with a primary, which alone is assigned, and its backup."""

    product: Product
    primary: str
    backup: str

    def log(self, operator_id: str, event: str = "submit") -> list[dict[str, Any]]:
        return self.product.smsc_log(operator_id, event)

    def drops(self) -> list[float]:
        """When the primary's outages began, on the simulator's clock."""
        return [line["mono"] for line in self.log(self.primary, "outage") if line["begins"]]

    async def until(self, condition: Callable[[], Any], what: str, timeout: float = 60.0) -> None:
        end = time.monotonic() + timeout
        while True:
            met = condition()
            if isinstance(met, Awaitable):
                met = await met
            if met:
                return
            assert time.monotonic() < end, f"did not happen: {what}\n{self.product.tails()}"
            await asyncio.sleep(0.05)

    async def second(self, number: float) -> None:
        """Waits for that second of the simulator's life. Raises TooSlow where it is over."""
        listening = self.log(self.primary, "listening")[0]
        if time.monotonic() >= listening["mono"] + number:
            raise TooSlow
        await asyncio.sleep(listening["mono"] + number - time.monotonic())

    async def state(self, operator_id: str) -> str:
        return next(one["state"] for one in await self.product.sessions() if one["operatorId"] == operator_id)

    async def stands(self, operator_id: str, state: str) -> bool:
        return await self.state(operator_id) == state

    async def counted(self, name: str, **labels: str) -> float:
        text = await self.product.http(self.product.http_port, "/metrics")
        wanted = ",".join(
            f'{key}="{value}"' for key, value in sorted({**labels, "operator_id": self.primary}.items())
        )
        line = next(line for line in text.splitlines() if line.startswith(f"{name}{{{wanted}}} "))
        return float(line.rsplit(" ", 1)[1])

    def submits(self) -> Counter[str]:
        """How often either SMSC took a message, by destination."""
        return Counter(
            "+" + line["destination_addr"] for one in (self.primary, self.backup) for line in self.log(one)
        )


@contextmanager
def running(servers: Servers, folder: Path, outages: list[dict[str, float]], **primary: Any) -> Iterator[Pair]:
    second = operator(name="Backup", tpsLimit=30, windowSize=5, management=RULES, rules=[])
    first = operator(
        name="Primary", backupOperatorId=second["id"], outages=outages, management=RULES, rules=[], **primary
    )
    product = Product(
        servers, folder, [first, second], dispatch_processes=2, env={"OPERATOR_IDS": first["id"], **SHORT}
    )
    try:
        yield Pair(product, first["id"], second["id"])
    finally:
        product.stop()


@sync_to_async
def ledger(messages: list[dict[str, Any]]) -> dict[str, list[tuple[str, str, str, bool, bool]]]:
    """By message: (asked for, carried by, status, possible duplicate, was in doubt) of each try."""
    found: dict[str, list[tuple[str, str, str, bool, bool]]] = {one["messageId"]: [] for one in messages}
    with connection.cursor() as cursor:
        cursor.execute(
            "select message_id::text, requested_operator_id::text, operator_id::text, status, possible_duplicate,"
            " in_doubt_at is not null"
            " from smpp.message_correlations where message_id = any(%s::uuid[]) order by attempt",
            [list(found)],
        )
        for message_id, *row in cursor.fetchall():
            found[message_id].append(tuple(row))  # type: ignore[arg-type]
    return found


async def compared(pair: Pair, messages: list[dict[str, Any]]) -> dict[str, Any]:
    """The counts of `figures.record`: what either SMSC took, and what the ledger owns up to."""
    rows, taken = await ledger(messages), pair.submits()
    admitted = {one["to"]: 1 + sum(row[3] for row in rows[one["messageId"]]) for one in messages}
    return {
        "commands": len(messages),
        "lost": sum(not taken[to] for to in admitted),
        "doubled": sum(max(0, taken[to] - most) for to, most in admitted.items()),
        "unexplained": len(set(taken) - set(admitted)),
        "in_doubt": sum(row[4] for tries in rows.values() for row in tries),
        "resent": sum(row[3] for tries in rows.values() for row in tries),
    }


async def check_counts(pair: Pair, messages: list[dict[str, Any]]) -> int:
    """Each message was taken once, or as often as the ledger owns up to; how many were taken twice."""
    rows, taken = await ledger(messages), pair.submits()
    doubled = 0
    for one in messages:
        tries = rows[one["messageId"]]
        assert taken[one["to"]] >= 1, "lost"
        assert {row[0] for row in tries} == {pair.primary}
        assert tries[-1][2] in ("SUBMITTED", "DLR_RECEIVED")
        if taken[one["to"]] > 1:
            assert len(tries) == taken[one["to"]]
            assert all(row[3] for row in tries[1:]), "doubled in silence"
            doubled += 1
    return doubled


@pytest.mark.slow
@pytest.mark.proves("failover")
@pytest.mark.timeout(240)
async def test_the_backup_carries_what_waits_and_gives_the_traffic_back(
    servers: Servers, django_ready: None, tmp_path: Path
) -> None:
    await once_up(lambda begins: over_and_back(servers, tmp_path, begins))


async def once_up(play: Callable[[float], Awaitable[None]]) -> None:
    """Plays with outages that begin as early as this machine lets them."""
    for begins in BEGINS:
        try:
            await play(begins)
        except TooSlow:
            if begins == BEGINS[-1]:
                raise
        else:
            break


async def over_and_back(servers: Servers, folder: Path, begins: float) -> None:
    outage = [{"after": begins, "until": begins + 12}]
    with running(servers, folder, outage, tpsLimit=20, windowSize=5, responseDelay=0.15) as pair:
        async with await Platform.over(servers.nats_url) as platform:
            await pair.product.start()
            await pair.until(lambda: pair.log(pair.backup, "bind"), "the backup is bound while nothing is wrong")
            for one in (pair.primary, pair.backup):
                await pair.until(partial(pair.stands, one, "BOUND"), "both are told as bound")
            await pair.second(begins - 3)
            waiting = [command(pair.primary, f"+9370{n:07}") for n in range(300)]
            await platform.send(waiting)
            await pair.until(pair.drops, "the outage begins")
            await pair.until(lambda: len(pair.log(pair.backup)) > 0, "traffic goes over")
            await pair.until(partial(pair.stands, pair.primary, "FAILBACK"), "the primary is told as carried")
            await platform.until(lambda: any(one["status"] == "FAILBACK" for one in platform.health))
            await pair.product.http(pair.product.http_port, "/ready")
            assert await pair.counted("smpp_connector_failover_active") == 1
            answered = {one["messageId"] for one in waiting}
            await platform.until(
                lambda: answered <= {one["messageId"] for one in platform.results if one["result"] == "ACCEPTED"},
                timeout=60,
                what=pair.product.tails(),
            )
            over = pair.log(pair.backup)
            worst = surely_in_a_second([line["mono"] for line in over], span=0.95)
            assert len(over) >= 200, "what was queued before the outage went over"
            assert worst <= 30
            by_number = {one["to"]: one["messageId"] for one in waiting}
            carried = [by_number["+" + line["destination_addr"]] for line in over]
            await platform.until(lambda: all(platform.final_of(one) for one in carried), what="receipts are matched")
            for message_id in carried:
                assert pair.backup in {one["operatorId"] for one in platform.final_of(message_id)}
                assert all(one["status"] == "DELIVERED" for one in platform.final_of(message_id))
            await pair.until(lambda: pair.stands(pair.primary, "BOUND"), "the traffic comes back")
            after = [command(pair.primary, f"+9371{n:07}") for n in range(20)]
            await platform.send(after)
            await platform.until(lambda: all(platform.final_of(one["messageId"]) for one in after))
            numbers = {one["to"] for one in after}
            assert {"+" + line["destination_addr"] for line in pair.log(pair.primary)} >= numbers
            assert numbers.isdisjoint("+" + line["destination_addr"] for line in pair.log(pair.backup))
            note = f"{len(over)} PDUs over the backup, its worst second {worst} of 30"
            took = over[0]["mono"] - pair.drops()[0]
            figures.record("failover", recovered=took, note=note, **await compared(pair, waiting + after))
            doubled = await check_counts(pair, waiting + after)
            # What was in the window when the link broke; a receipt may prove it before the wait is over.
            assert doubled <= 5
            assert await pair.counted("smpp_connector_failovers_total", direction="over") == 1
            assert await pair.counted("smpp_connector_failovers_total", direction="back") == 1
            statuses = [one["status"] for one in platform.health if one["operatorId"] == pair.primary]
            changes = [each for each, before in zip(statuses, [None, *statuses], strict=False) if each != before]
            assert changes[-4:] == ["BOUND", "UNBOUND", "FAILBACK", "BOUND"]


@pytest.mark.slow
@pytest.mark.proves("flapping")
@pytest.mark.timeout(240)
async def test_a_link_that_drops_again_and_again_does_not_flap(
    servers: Servers, django_ready: None, tmp_path: Path
) -> None:
    """Ten drops, one each 4 s, with settings a seventh of the defaults: a link that drops each 20 to 30 s."""
    await once_up(lambda begins: again_and_again(servers, tmp_path, begins))


async def again_and_again(servers: Servers, folder: Path, begins: float) -> None:
    outages = [{"after": begins + 4 * n, "until": begins + 4 * n + 0.8} for n in range(10)]
    with running(servers, folder, outages, tpsLimit=50, windowSize=5) as pair:
        async with await Platform.over(servers.nats_url) as platform:
            await pair.product.start()
            await pair.second(begins - 2)
            messages: list[dict[str, Any]] = []
            while len(pair.drops()) < len(outages):
                fresh = [command(pair.primary, f"+9372{len(messages) + n:07}") for n in range(5)]
                await platform.send(fresh)
                messages += fresh
                await asyncio.sleep(0.5)
            sent = {one["messageId"] for one in messages}
            await platform.until(
                lambda: sent <= {one["messageId"] for one in platform.results if one["result"] == "ACCEPTED"},
                what=pair.product.tails(),
            )
            over, back = [
                await pair.counted("smpp_connector_failovers_total", direction=way) for way in ("over", "back")
            ]
            note = f"{len(outages)} drops, {over:.0f} times over, {back:.0f} times back"
            figures.record("flapping", note=note, **await compared(pair, messages))
            assert (over, back) == (1, 0)
            later = [line for line in pair.log(pair.primary) if line["mono"] > pair.drops()[1] + 1]
            assert later == [], "after its second drop it got nothing any more"
            doubled = await check_counts(pair, messages)
            assert doubled <= 10, "two windows of the primary"
