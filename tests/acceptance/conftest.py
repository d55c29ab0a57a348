"""The whole stack for the acceptance tests, on the simulator or on an SMSC that is not ours (`--smsc`)."""

from __future__ import annotations

import asyncio
import shutil
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from ghasi.devstack.servers import Servers
from tests.interop.script import account
from tests.support.peers import Peer, start_peer
from tests.support.platform import Platform
from tests.support.product import Product, operator


def kinds_of(config: pytest.Config) -> list[str]:
    """The SMSCs of this run."""
    return str(config.getoption("--smsc")).split(",")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """What asks for an SMSC runs on each kind of the run; a test with cases says itself which kind plays which."""
    if "smsc_kind" in metafunc.fixturenames and "case" not in metafunc.fixturenames:
        metafunc.parametrize("smsc_kind", kinds_of(metafunc.config), scope="module")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("product")
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="module")
def stack(
    servers: Servers, django_ready: None, folder: Path, smsc_kind: str
) -> Iterator[tuple[Product, Peer | None]]:
    """One operator on the SMSC chosen, a gateway, both pools."""
    one: dict[str, Any] = operator()
    product = Product(servers, folder, [one], simulate=smsc_kind == "simulator")
    peer = None
    try:
        if smsc_kind != "simulator":
            accounts = {one["systemId"]: account(one["password"])}
            peer = asyncio.run(start_peer(product, smsc_kind, sys.executable, accounts))
            one["port"] = peer.port
        asyncio.run(product.start())
        yield product, peer
    finally:
        product.stop()


@pytest.fixture
async def platform(servers: Servers, stack: object) -> AsyncIterator[Platform]:
    async with await Platform.over(servers.nats_url) as made:
        yield made


@pytest.fixture
def product(stack: tuple[Product, Peer | None]) -> Product:
    return stack[0]


@pytest.fixture
def submits(stack: tuple[Product, Peer | None]) -> Any:
    """What the SMSC itself says it took: one dict a submit_sm, by destination; waits until `count` are there."""
    product, peer = stack

    async def of(destination: str, count: int = 1) -> list[dict[str, Any]]:
        deadline = time.monotonic() + 60
        while True:
            lines = peer.submits() if peer is not None else product.smsc_log(product.operator_ids[0])
            found = [one for one in lines if one["destination_addr"] == destination.lstrip("+")]
            if len(found) >= count or time.monotonic() > deadline:
                return found
            await asyncio.sleep(0.02)

    return of
