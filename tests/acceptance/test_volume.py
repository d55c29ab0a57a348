"""Ten thousand messages with receipts over two dispatch processes: each once, each receipt its own event."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from asgiref.sync import sync_to_async
from django.db import connection

from ghasi.devstack.servers import Servers
from tests.support.platform import Platform, command
from tests.support.product import Product, operator

MESSAGES = 10_000


@sync_to_async
def ledger_rows(operator_id: str) -> list[tuple[str, str, str, str]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "select message_id::text, operator_message_id, destination, status"
            " from smpp.message_correlations where operator_id = %s",
            [operator_id],
        )
        return list(cursor.fetchall())


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_the_ledger_agrees_with_the_smscs_own_log_line_by_line(
    servers: Servers, django_ready: None, tmp_path: Path
) -> None:
    one = operator(tpsLimit=5000, windowSize=100, receipts={"delay": 0.1, "window": 100}, rules=[])
    product = Product(servers, tmp_path, [one], dispatch_processes=2)
    try:
        await product.start()
        async with await Platform.over(servers.nats_url) as platform:
            commands = [command(one["id"], f"+9370{n:07}") for n in range(MESSAGES)]
            await platform.send(commands)
            # The two come over different streams: the last result may follow its receipt.
            await platform.until(
                lambda: min(len(platform.receipts), len(platform.results)) >= MESSAGES,
                timeout=200,
                what=product.tails(),
            )
            rows = await ledger_rows(one["id"])
        product.children["simulator"].stop()
        submits = product.smsc_log(one["id"])
        by_destination = {made["to"].lstrip("+"): made["messageId"] for made in commands}
        assert Counter(line["destination_addr"] for line in submits) == Counter(by_destination.keys())
        sent = {(line["destination_addr"], line["message_id"]) for line in submits}
        assert {(row[2], row[1]) for row in rows} == sent
        assert {row[3] for row in rows} == {"DLR_RECEIVED"}
        assert len(rows) == MESSAGES
        id_of = {line["message_id"]: by_destination[line["destination_addr"]] for line in submits}
        assert len(platform.receipts) == MESSAGES
        assert {r["operatorMessageId"]: r["messageId"] for r in platform.receipts} == id_of
        assert Counter(result["messageId"] for result in platform.results) == Counter(id_of.values())
    finally:
        product.stop()
