"""Operators whose receipts write ids in another way, and no rule that says so: matched in the end, none wrongly."""

from __future__ import annotations

import asyncio
import io
import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.core.management import call_command

from ghasi.devstack.servers import Servers
from tests.support.platform import Platform, command
from tests.support.product import Product, operator

HEX_DEC = {"response": "paddedHex", "receipt": "decimal"}
MESSAGES = 40
LONG = "x" * 200


@sync_to_async
def ids(*arguments: str) -> dict[str, Any]:
    out = io.StringIO()
    call_command("ids", *arguments, "--json", stdout=out)
    [found] = json.loads(out.getvalue())["operators"] or [{}]
    return dict(found)


async def until_state(product: Product, operator_id: str, state: str, timeout: float = 60.0) -> dict[str, Any]:
    deadline = asyncio.get_running_loop().time() + timeout
    while (found := await ids(operator_id)).get("state") != state:
        product.check_alive()
        assert asyncio.get_running_loop().time() < deadline, (found, product.tails())
        await asyncio.sleep(0.5)
    return found


def commands_to(operator_id: str, numbers: Iterable[int], text: str = "hello") -> list[dict[str, Any]]:
    return [command(operator_id, f"+9370{number:07}", text) for number in numbers]


def named(platform: Platform, operator_id: str) -> list[tuple[str, int, str]]:
    """(message, segment, the operator's id) of each receipt that was told with its message."""
    return sorted(
        (one["messageId"], one["segment"], one["operatorMessageId"])
        for one in platform.receipts
        if one["operatorId"] == operator_id and one["messageId"]
    )


def truth(product: Product, operator_id: str, sent: list[dict[str, Any]]) -> list[tuple[str, int, str]]:
    """The same by the SMSC's own log, for messages of one number each."""
    message = {one["to"].lstrip("+"): one["messageId"] for one in sent}
    return sorted(
        (message[line["destination_addr"]], line["part"] or 1, line["message_id"])
        for line in product.smsc_log(operator_id)
        if line["destination_addr"] in message
    )


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_ids_in_two_bases_meet_without_a_rule(servers: Servers, django_ready: None, tmp_path: Path) -> None:
    """An operator in two bases, one that sometimes writes an id nobody knows, and one as the book has it."""
    learns = operator(ids=HEX_DEC, rules=[])
    mixed = operator(ids=HEX_DEC, rules=[{"to": "*7", "receipt": {"id": "777777777"}}])
    plain = operator(ids={"response": "uuid"}, rules=[])
    product = Product(servers, tmp_path, [learns, mixed, plain])
    try:
        async with await Platform.over(servers.nats_url) as platform:
            await product.start()
            # One number gets two messages, and two messages have two parts: nothing but the ids tells theirs apart.
            first = commands_to(learns["id"], range(MESSAGES))
            long = commands_to(learns["id"], range(5000, 5002), LONG)
            again = commands_to(learns["id"], [6000, 6000])
            unclear = commands_to(mixed["id"], range(MESSAGES))
            clear = commands_to(plain["id"], range(MESSAGES))
            await platform.send([*first, *long, *again, *unclear, *clear])

            found = await until_state(product, learns["id"], "applied")
            assert (found["inForce"], found["changedBy"], found["evidence"]["doubts"]) == ("hex>dec", "automatic", [])
            expected = len(first) + 2 * len(long) + len(again)
            await platform.until(lambda: len(named(platform, learns["id"])) >= expected, what=product.tails())
            told = named(platform, learns["id"])
            assert [one for one in told if one[0] not in {m["messageId"] for m in again}] == truth(
                product, learns["id"], [*first, *long]
            )
            assert {one[0] for one in told} == {one["messageId"] for one in [*first, *long, *again]}
            # From now on receipts are matched as they come.
            later = commands_to(learns["id"], range(7000, 7010))
            await platform.send(later)
            await platform.until(lambda: len(named(platform, learns["id"])) == expected + 10)

            proposed = await until_state(product, mixed["id"], "proposed")
            assert (proposed["inForce"], proposed["candidate"]) == (None, "hex>dec")
            assert proposed["evidence"]["doubts"] == ["contradicted"]
            assert named(platform, mixed["id"]) == []
            await ids(mixed["id"], "accept")
            right = [one for one in unclear if not one["to"].endswith("7")]
            await platform.until(lambda: len(named(platform, mixed["id"])) >= len(right), what=product.tails())
            assert named(platform, mixed["id"]) == truth(product, mixed["id"], right)

            assert named(platform, plain["id"]) == truth(product, plain["id"], clear)
            assert (await ids(plain["id"])).get("inForce") is None
    finally:
        product.stop()
        shutil.rmtree(tmp_path, ignore_errors=True)
