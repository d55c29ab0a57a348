"""Secrets, numbers and texts are planted all over a running product, things are broken, and everything that leaves it
for other eyes is searched: logs, metrics, pages, events, keys, tables, /proc, a crash (docs/security.md)."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import struct
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import psycopg
import pytest
import redis

from ghasi.bus import Bus
from ghasi.contracts import subjects, topology
from ghasi.devstack.servers import Servers
from tests.support.collector import Collector
from tests.support.leaks import Leak, Search, members
from tests.support.platform import Platform, command
from tests.support.product import operator
from tests.support.secured import ROLES, RoleNats, SecuredProduct

PASSWORD = "Zq7Wx3Kp"
TEXT = "Vertrauliche-Losung-Qandahar"
OWN = "GHASI"
NUMBERS = {"plain": "93705550182", "refused": "93705550404", "odd": "93705550666", "mo": "93705550777"}
TYPED = "Getippt-Falsch-1984"
"""A password somebody types into the admin's form."""


def receipt_nobody_can_read() -> bytes:
    """A deliver_sm that says it is a receipt (esm_class 4) and is none of any dialect."""
    text = f"{TEXT} {NUMBERS['odd']} ???".encode()
    body = b"\0\1\1" + NUMBERS["odd"].encode() + b"\0\0\0" + b"GHASI\0" + b"\4\0\0\0\0\0\0\0\0" + bytes([len(text)])
    return struct.pack(">IIII", 16 + len(body) + len(text), 5, 0, 901) + body + text


def pdu_that_is_cut() -> bytes:
    """A deliver_sm whose optional part claims more octets than there are."""
    body = b"\0\1\1" + NUMBERS["odd"].encode() + b"\0\0\0" + b"GHASI\0" + b"\0\0\0\0\0\0\0\0\0\0"
    body += struct.pack(">HH", 0x0424, 500) + TEXT.encode()
    return struct.pack(">IIII", 16 + len(body), 5, 0, 902) + body


def pdu_of_no_command() -> bytes:
    body = f"{TEXT} {NUMBERS['odd']}".encode()
    return struct.pack(">IIII", 16 + len(body), 0x77, 0, 903) + body


def an_operator() -> dict[str, Any]:
    garbage = {"*661": receipt_nobody_can_read(), "*662": pdu_that_is_cut(), "*663": pdu_of_no_command()}
    return operator(
        password=PASSWORD,
        receipts={"delay": 0.1},
        rules=[
            {"to": "*404", "status": "ESME_RINVDSTADR", "info": f"no {NUMBERS['refused']} for {TEXT}"},
            {"to": "*405", "status": 0x0999, "info": f"{TEXT} {NUMBERS['refused']}"},
            {"to": "*406", "receipt": {"id": "never-given"}},
            {"to": "*407", "answer": "none", "drop": "unanswered", "times": 1},
            *({"to": to, "garbage": octets.hex()} for to, octets in garbage.items()),
            {"on": "bind", "status": "ESME_RBINDFAIL", "times": 1},
            {"on": "clock", "after": 4, "times": 1, "mo": {"from": NUMBERS["mo"], "to": OWN, "text": TEXT}},
        ],
    )


def broken_commands(operator_id: str) -> Iterator[bytes]:
    """Commands that cannot be sent, each with text and number in the place that is wrong."""
    number = "+" + NUMBERS["odd"]
    good = command(operator_id, number, TEXT)
    yield json.dumps(good).encode()[:-20]
    yield TEXT.encode() + b"\xff" + number.encode()
    yield (b'{"text": "' + TEXT.encode() + b'",') * 200 + b"1" + b"}" * 200
    yield json.dumps(good | {"padding": f"{TEXT} {number} " * 8000}).encode()
    wrong: dict[str, Any] = {
        "to": f"{TEXT} {number}",
        "from": f"{TEXT} {number}",
        "text": f"{TEXT}\0{number}",
        "encoding": TEXT,
        "messageType": TEXT,
        "longMessageStrategy": number,
        "messageId": f"{TEXT} {number}",
        "eventId": number,
        "operatorId": TEXT,
        "version": TEXT,
        "enqueuedAt": f"{TEXT} {number}",
        "expiresAt": number,
    }
    for name, value in wrong.items():
        for shape in (value, [value], {"value": value}):
            yield json.dumps(good | {name: shape}).encode()
    yield json.dumps(good | {TEXT: number, number: TEXT}).encode()


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    async with Collector() as made:
        yield made


@pytest.fixture
async def product(
    own_servers: Callable[..., Servers], tmp_path: Path, collector: Collector
) -> AsyncIterator[SecuredProduct]:
    servers = own_servers(only=["postgres", "valkey"])
    server = RoleNats(servers, tmp_path)
    server.start()
    made = SecuredProduct(
        servers,
        server,
        tmp_path,
        [an_operator()],
        # debug: what is not said at the usual level must not leak either; faulthandler: what a crash prints.
        env={"LOG_LEVEL": "debug", "PYTHONFAULTHANDLER": "1", "SMPP_RECONNECT_DELAYS": "0.3", **collector.env()},
    )
    try:
        await made.start()
        yield made
    finally:
        made.stop()
        server.stop()


def planted(product: SecuredProduct) -> dict[str, str]:
    passwords = {f"NATS password of {role}": product.nats.passwords[role] for role in ROLES}
    return passwords | {
        "operator's password": PASSWORD,
        "service token": product.token,
        "Django's key": product.django_key,
        "Redis' password": product.redis_password,
        "PostgreSQL's password": product.servers.endpoints.password,
        "typed password": TYPED,
        "text": TEXT,
        **{f"number {name}": number for name, number in NUMBERS.items()},
    }


async def use(product: SecuredProduct) -> None:
    """Traffic of every kind that ends well, badly and not at all."""
    operator_id = product.operator_ids[0]
    ends = ["182", "404", "405", "406", "407", "661", "662", "663"]
    async with await Platform.over(product.nats.settings("orchestrator"), listen=False) as platform:
        watching = asyncio.create_task(
            asyncio.to_thread(product.manage, "trace", "trace", operator_id, "--seconds", "8")
        )
        for end in ends:
            number = "+" + NUMBERS["plain"][:-3] + end
            await platform.send([command(operator_id, number, TEXT)])
            await asyncio.sleep(0.3)
        for encoding, strategy in (("UCS2", "CSMS"), ("GSM7", "TLV")):
            long = command(operator_id, "+" + NUMBERS["plain"], f"{TEXT} " * 12, encoding=encoding)
            await platform.send([long | {"longMessageStrategy": strategy}])
        for broken in broken_commands(operator_id):
            await platform.send_raw(operator_id, broken)
        await watching
    async with aiohttp.ClientSession() as session:
        for url in pages(product):
            async with session.get(f"{url}/{NUMBERS['plain']}?q={TEXT}"), session.get(f"{url}?q={TEXT}"):
                pass
        form = {"username": NUMBERS["plain"], "password": TYPED}
        async with session.post(f"http://127.0.0.1:{product.web_port}/admin/login/", data=form):
            pass
    for port in (product.http_port, product.web_port, *product.worker_ports.values()):
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(f"{TEXT} {NUMBERS['plain']} {TYPED}\r\n\r\n".encode())


async def break_things(product: SecuredProduct) -> None:
    """The database goes away in the middle of work, and comes back."""
    product.servers.postgres.restart()
    async with await Platform.over(product.nats.settings("orchestrator"), listen=False) as platform:
        await platform.send([command(product.operator_ids[0], "+" + NUMBERS["plain"], TEXT) for _ in range(5)])
    await asyncio.sleep(3)


def pages(product: SecuredProduct) -> list[str]:
    gateway = [f"http://127.0.0.1:{product.http_port}/{page}" for page in ("metrics", "health", "ready", "sessions")]
    workers = [
        f"http://127.0.0.1:{port}/{p}" for port in product.worker_ports.values() for p in ("metrics", "health")
    ]
    web = [f"http://127.0.0.1:{product.web_port}/{page}" for page in ("metrics", "healthz", "admin/login/")]
    monitor = [f"http://127.0.0.1:{product.nats.monitor}/{page}" for page in ("connz?auth=1&subs=1", "jsz", "varz")]
    return [*gateway, *workers, *web, *monitor]


async def search_pages(product: SecuredProduct, search: Search) -> list[Leak]:
    found: list[Leak] = []
    async with aiohttp.ClientSession() as session:
        for url in pages(product):
            async with session.get(url) as response:
                found += search.octets(await response.read() + str(dict(response.headers)).encode(), url)
    return found


async def search_nats(product: SecuredProduct, search: Search) -> list[Leak]:
    """Events and keys in full, and the headers of dead letters; their bodies are the commands."""
    found: list[Leak] = []
    store = product.nats.folder / "store"
    for stream in (subjects.DLR_EVENTS, subjects.SUBMIT_EVENTS, subjects.OPERATOR_EVENTS):
        blocks = list(store.rglob(f"{stream}/msgs/*.blk"))
        assert blocks, f"no stored messages of {stream}"
        found += search.files(blocks)
    for bucket in topology.BUCKETS:
        found += search.files(store.rglob(f"KV_{bucket.name}/msgs/*.blk"))
    bus = await Bus.connect(product.nats.settings("web"), "search")
    try:
        last = (await bus.js.stream_info(subjects.SMPP_DEAD)).state.last_seq
        for sequence in range(1, last + 1):
            dead = await bus.js.get_msg(subjects.SMPP_DEAD, sequence)
            found += search.octets(str(dead.headers).encode(), "header of a dead letter")
        assert last > 30
    finally:
        await bus.close()
    return found


def search_tables(product: SecuredProduct, search: Search, numbers_in: set[str]) -> list[Leak]:
    """Every row of every table; numbers may stand in some, where the contract says so (docs/contract.md §9)."""
    found: list[Leak] = []
    with psycopg.connect(product.servers.database_url) as database:
        tables = database.execute(
            "select format('%I.%I', schemaname, tablename) from pg_tables"
            " where schemaname not in ('pg_catalog', 'information_schema')"
        ).fetchall()
        for (table,) in tables:
            rows = "\n".join(row for (row,) in database.execute(f"select t::text from {table} t").fetchall())
            leaks = search.octets(rows.encode(), table)
            allowed = any(table.startswith(f"smpp.{name}") for name in numbers_in)
            found += [leak for leak in leaks if not (allowed and leak.name.startswith("number"))]
    return found


def search_redis(product: SecuredProduct, search: Search) -> list[Leak]:
    with redis.Redis.from_url(product.servers.redis_url, password=product.redis_password) as client:
        kept = [part for key in client.scan_iter() for part in (key, client.dump(key) or b"")]
    return search.octets(b"\n".join(kept), "Redis")


def search_files(product: SecuredProduct, search: Search) -> list[Leak]:
    """Logs of all processes but the SMSC's, and what the pools share of their metrics."""
    logs = [path for path in product.servers.run.logs.iterdir() if "simulator" not in path.name]
    metrics = [path for pool in product.worker_ports for path in (product.folder / f"prometheus-{pool}").iterdir()]
    assert len(logs) >= 9
    assert metrics
    return search.files([*logs, *metrics])


def search_processes(product: SecuredProduct, search: Search) -> list[Leak]:
    return [leak for child in product.children.values() for leak in search.processes(child.pid)]


NO_CORE = re.compile(r"^Max core file size +0 +0 ", re.MULTILINE)


def crash(product: SecuredProduct) -> None:
    """Ends every process of ours as a fault in C would, with the interpreter's own report of it. Beside them are the
    masters of pools and web server and Python's resource tracker, which hold no more than their environment."""
    for name in ("gateway", "dispatch", "receipts", "web"):
        child = product.children.pop(name)
        pids = list(members(child.pid))
        limits = [Path(f"/proc/{pid}/limits").read_text(encoding="utf-8") for pid in pids]
        assert any(NO_CORE.search(text) for text in limits), name
        for pid in pids:
            os.kill(pid, signal.SIGABRT)
        end = time.monotonic() + 60
        while child.running and time.monotonic() < end:
            time.sleep(0.02)
        child.stop()


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_what_is_planted_is_found_nowhere(product: SecuredProduct, collector: Collector) -> None:
    search = Search(planted(product))
    await use(product)
    await break_things(product)
    found = search_processes(product, search)
    found += await search_pages(product, search)
    found += await search_nats(product, search)
    found += search_tables(product, search, {"message_correlations", "receipts_inbox"})
    found += search_redis(product, search)
    found += [leak for body in collector.raw for leak in search.octets(body, "trace")]
    assert {span.name for span in collector.spans} == {"sms.command", "smpp.submit_sm", "sms.receipt"}
    crash(product)
    found += search_files(product, search)
    found += [
        Leak("memory", "core", str(path)) for path in (*product.folder.rglob("core*"), *Path.cwd().glob("core*"))
    ]
    assert found == []
    assert search.searched > 500_000
