"""`manage.py send` through the whole product: followed to its end, which its exit code tells."""

from __future__ import annotations

import asyncio
import json
import sys
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.support.product import ROOT, Product

Submits = Callable[..., Awaitable[list[dict[str, Any]]]]


async def send(product: Product, *argv: str) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "manage.py",
        "send",
        product.operator_ids[0],
        *argv,
        env=product.env(),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stdin=asyncio.subprocess.DEVNULL,
    )
    out, _ = await process.communicate()
    return process.returncode, out.decode()


async def test_a_message_is_followed_to_its_receipt_and_never_sent_twice(product: Product, submits: Submits) -> None:
    to, message_id = "+93708880100", str(uuid.uuid4())
    argv = (to, "Hello from the staff " * 10, "--message-id", message_id, "--yes", "--json")
    both = await asyncio.gather(send(product, *argv), send(product, *argv))
    for code, out in both:
        told = json.loads(out)
        assert (code, told["stage"], told["messageId"]) == (0, "delivered", message_id)
        assert [(part["segment"], part["receipt"]) for part in told["parts"]] == [(1, "DELIVERED"), (2, "DELIVERED")]
        assert to not in out
    assert len(await submits(to, 2)) == 2, "one message of two parts"


@pytest.mark.parametrize(
    ("to", "code", "stage", "detail"),
    [
        ("+93708881404", 1, "failed", "ESME_RINVDSTADR"),
        ("+93708882027", 1, "failed", "UNDELIVERABLE"),
    ],
)
async def test_how_it_ended_is_told(product: Product, to: str, code: int, stage: str, detail: str) -> None:
    ended, out = await send(product, to, "hello", "--yes", "--json")
    told = json.loads(out)
    assert (ended, told["stage"], told["detail"]) == (code, stage, detail)


async def test_nothing_is_sent_unasked(product: Product, submits: Submits) -> None:
    to = "+93708883100"
    code, out = await send(product, to, "hello", "--dry-run", "--json")
    assert (code, json.loads(out)["sent"]) == (0, False)
    assert (await send(product, to, "hello"))[0] == 2, "nobody is there to be asked"
    assert (await send(product, "nobody", "hello", "--yes"))[0] == 2
    code, out = await send(product, to, "hello", "--yes", "--submitted")
    assert code == 0
    assert " s submitted as " in out
    assert len(await submits(to)) == 1
