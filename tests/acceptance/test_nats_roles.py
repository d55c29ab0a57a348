"""The whole product under docker/nats: a user per role over mutual TLS, and each is refused what is not its own."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import nats.errors
import psycopg
import pytest
from nats.js import JetStreamContext
from structlog.testing import capture_logs

from ghasi.bus import Bus, BusError
from ghasi.devstack.servers import Servers
from tests.support.browser import Browser
from tests.support.gateway import until
from tests.support.pages import walk
from tests.support.platform import Platform, command
from tests.support.product import operator
from tests.support.secured import ROLES, RoleNats, SecuredProduct, secret

_FORBIDDEN = re.compile(r"permissions violation|bus\.forbidden", re.IGNORECASE)
"""As a process says it: in its own words, or in those of the client's library."""
_VIOLATION = re.compile(r'/user:(\w+)" - (\w+) Violation - (?:Subject|Reply) "([^"]+)"')


def violations(server: RoleNats) -> set[tuple[str, str, str]]:
    """What the server refused so far: publish or subscription, user, subject."""
    text = server.child.log_file.read_text(encoding="utf-8")
    return {(kind, user, subject) for user, kind, subject in _VIOLATION.findall(text)}


@pytest.fixture
def own_nats(own_servers: Callable[..., Servers], tmp_path: Path) -> Iterator[tuple[Servers, RoleNats]]:
    servers = own_servers(only=["postgres", "valkey"])
    server = RoleNats(servers, tmp_path)
    server.start()
    yield servers, server
    server.stop()


UNKNOWN_STATUS = 0x0455
ONCE = [
    {"to": "*404", "status": "ESME_RINVDSTADR", "times": 1},
    {"to": "*455", "status": UNKNOWN_STATUS, "times": 1},
]
"""Refused, and answered with what nobody knows; taken when they come again."""


@pytest.fixture
async def product(own_nats: tuple[Servers, RoleNats], tmp_path: Path) -> AsyncIterator[SecuredProduct]:
    operators, env = [operator(maxBinds=2, rules=ONCE)], {"ADMIN_REQUIRE_OTP": "0"}
    made = SecuredProduct(*own_nats, tmp_path, operators, env=env)
    try:
        await made.start()
        yield made
    finally:
        made.stop()


@pytest.mark.slow
@pytest.mark.timeout(400)
async def test_the_product_needs_no_more_than_its_roles_have(product: SecuredProduct) -> None:
    server, operator_id = product.nats, product.operator_ids[0]
    async with await Platform.over(server.settings("orchestrator"), listen=False) as platform:
        events = await platform.bus.js.pull_subscribe("sms.dlr.inbound", "orchestrator-dlr", stream="DLR_EVENTS")
        one, refused, held, bad = (
            command(operator_id, to) for to in ("+93701234100", "+93701234404", "+93701234455", "nobody")
        )
        await platform.send([one, refused, held, bad])
        await kept(product, [refused, held, bad])
        await asyncio.gather(
            delivered(events, [one, refused, held]),
            commands_as_web(product, str(one["messageId"]), str(refused["messageId"]), str(held["messageId"])),
            asyncio.to_thread(pages_as_web, product, str(one["messageId"])),
            asyncio.sleep(6),  # purges, gauges, the watch over readers: what is done every few seconds
        )
    for word in ("drain", "bind", "rebind"):
        await asyncio.to_thread(product.manage, word, word, operator_id)
    await asyncio.to_thread(product.manage, "audit", "audit")
    assert violations(server) == set()
    logs = {path.name: path.read_text(encoding="utf-8", errors="replace") for path in logs_of(product)}
    assert len(logs) > 10
    assert [name for name, text in logs.items() if _FORBIDDEN.search(text)] == []


async def kept(product: SecuredProduct, commands: list[dict[str, Any]]) -> None:
    """Until all of them are dead letters, which is where replay and resend find them."""
    query = "select count(distinct message_id) from smpp.dead_letters where message_id = any(%s)"
    named = [uuid.UUID(one["messageId"]) for one in commands]
    async with (
        asyncio.timeout(60),
        await psycopg.AsyncConnection.connect(product.servers.database_url, autocommit=True) as database,
    ):
        while (await (await database.execute(query, [named])).fetchone()) != (len(named),):
            await asyncio.sleep(0.1)


async def delivered(events: JetStreamContext.PullSubscription, commands: list[dict[str, Any]]) -> None:
    """Until the platform has heard so of all of them."""
    waiting = {one["messageId"] for one in commands}
    while waiting:
        (event,) = await events.fetch(1, timeout=60)
        await event.ack()
        told = json.loads(event.data)
        if told["status"] == "DELIVERED":
            waiting.discard(told["messageId"])


async def commands_as_web(product: SecuredProduct, sent: str, refused: str, held: str) -> None:
    """What the staff do at a shell, two at a time. Raises AssertionError where one does not end as it should."""
    operator_id = product.operator_ids[0]
    turn = asyncio.Semaphore(2)

    async def said(*words: str) -> str:
        async with turn:
            return await asyncio.to_thread(product.manage, words[0], *words)

    async def run(*words: str) -> Any:
        return json.loads((await said(*words, "--json")).splitlines()[-1])

    monitor = ("--nats-monitor", f"http://127.0.0.1:{product.nats.monitor}")
    send, replay, resend, doctor, *_ = await asyncio.gather(
        run("send", operator_id, "+93701234200", "hello", "--yes", "--timeout", "120"),
        run("replay", refused, "--yes"),
        run("held", "resend", held, "--yes"),
        run("doctor", *monitor),
        run("sessions"),
        run("where", sent, "--events"),
        said("trace", operator_id, "--seconds", "1"),
    )
    assert send["stage"] == "delivered"
    assert (replay["replayed"], replay["items"][0]["reason"]) == (1, "rejected:ESME_RINVDSTADR")
    assert resend["held"] == [{"message": held, "resent": 1}]
    assert (doctor["healthy"], doctor["complete"]) == (True, True), doctor["findings"]


def pages_as_web(product: SecuredProduct, sent: str) -> None:
    """One of each kind of the admin's pages, as the process answers them, to somebody who may see everything."""
    password = secret()
    file = product.folder / "staff.password"
    file.write_text(password, encoding="utf-8")
    product.manage("staff", "staff", "create", "anna", "--role", "lead", "--password-file", str(file))
    browser = Browser(f"http://127.0.0.1:{product.web_port}")
    browser.log_in("anna", password)
    pages = walk(browser, of_a_kind=1)
    assert len(pages) > 15, sorted(pages)
    where = browser.get(f"/admin/correlations/messagecorrelation/where/?q={sent}&events=1")
    assert b"of it found in the streams" in where.content


def logs_of(product: SecuredProduct) -> list[Path]:
    """Of every process that ran, the server's own among them."""
    return sorted(product.servers.run.logs.iterdir())


STOLEN = f"smpp.operator.{uuid.uuid4()}"
FORBIDDEN_TO_PUBLISH = {
    "gateway": [STOLEN, "sms.dlr.inbound", "sms.submit.result", "smpp.dead.x", "smpp.session.a.b.submit"],
    "dispatch": [
        STOLEN,
        "smpp.receipt.x",
        "operator.health",
        "smpp.control.x",
        "$KV.smpp_slots.a.0",
        "$KV.smpp_wanted.a",
    ],
    "receipts": [
        "smpp.receipt.x",
        "operator.health",
        "smpp.session.a.b.submit",
        "smpp.control.x",
        "$KV.smpp_sessions.a.b",
    ],
    "web": ["sms.dlr.inbound", "smpp.receipt.x", "smpp.session.a.b.submit", "operator.health", "$KV.smpp_slots.a.0"],
    "provision": [STOLEN, "sms.dlr.inbound", "smpp.control.x", "$KV.smpp_wanted.a"],
    "orchestrator": ["smpp.session.a.b.submit", "smpp.control.x", "smpp.receipt.x", "sms.dlr.inbound"],
    "probe": [STOLEN, "smpp.control.x", "sms.dlr.inbound", "$KV.smpp_wanted.a"],
    "operations": [
        STOLEN,
        "smpp.dead.x",
        "smpp.control.x",
        "sms.dlr.inbound",
        "$KV.smpp_slots.a.0",
        "$JS.API.CONSUMER.CREATE.SMS_DISPATCH.x",
        "$JS.API.STREAM.SNAPSHOT.SMS_DISPATCH",
    ],
}
STREAM_POWERS = ("DELETE", "PURGE", "MSG.DELETE", "UPDATE")
"""Of the JetStream API: what no role may do to a stream, but for the purges behind its own consumers."""
MAY = {("dispatch", "PURGE", "SMS_DISPATCH"), ("receipts", "PURGE", "SMPP_RECEIPTS")}
STREAMS = ("SMS_DISPATCH", "SMPP_RECEIPTS", "DLR_EVENTS", "SMPP_DEAD")
MAY |= {(role, "UPDATE", stream) for role in ("provision", "operations") for stream in STREAMS}
MAY |= {("receipts", "MSG.DELETE", "SMPP_DEAD"), ("operations", "PURGE", "SMPP_DEAD")}
READERS = {"SMS_DISPATCH": {"dispatch", "web"}, "SMPP_DEAD": {"web", "receipts", "operations"}}
"""Who may read commands: they send them, and send them again; a person looks at dead letters."""


def refused_api() -> list[tuple[str, str]]:
    """Every power over streams that a role must not have."""
    found = [
        (role, f"$JS.API.STREAM.{power}.{stream}")
        for role in ROLES
        for power in STREAM_POWERS
        for stream in STREAMS
        if (role, power, stream) not in MAY
    ]
    for stream, readers in READERS.items():
        found += [(role, f"$JS.API.STREAM.MSG.GET.{stream}") for role in ROLES if role not in readers]
    taking = f"$JS.API.CONSUMER.MSG.NEXT.SMS_DISPATCH.smpp-connector-{uuid.uuid4()}"
    found += [(role, taking) for role in ROLES if role != "dispatch"]
    return found


@pytest.fixture
def server(own_servers: Callable[..., Servers], tmp_path: Path) -> Iterator[RoleNats]:
    made = RoleNats(own_servers(only=[]), tmp_path)
    made.start()
    yield made
    made.stop()


async def connected(server: RoleNats, role: str, **changes: Any) -> Bus:
    return await Bus.connect(replace(server.settings(role), **changes), role, wait=5.0)


async def test_each_role_is_refused_what_is_not_its_own(server: RoleNats) -> None:
    wanted = {("Publish", role, subject) for role, subjects in FORBIDDEN_TO_PUBLISH.items() for subject in subjects}
    wanted |= {("Publish", role, subject) for role, subject in refused_api()}
    for role in ROLES:
        others = [f"_INBOX.{other}.>" for other in ROLES if other != role]
        overheard = [*others, "_INBOX.>", "smpp.operator.>", "smpp.receipt.>", "sms.>", "$KV.>", "$JS.>", ">"]
        wanted |= {("Subscription", role, subject) for subject in overheard}
        bus = await connected(server, role)
        try:
            for kind, user, subject in sorted(wanted):
                if user == role and kind == "Publish":
                    await bus.nc.publish(subject, b"{}")
                elif user == role:
                    await bus.nc.subscribe(subject)
            await bus.flush()
        finally:
            await bus.close()
    assert wanted - violations(server) == set()


async def test_what_a_role_is_refused_is_said_in_the_log(server: RoleNats) -> None:
    bus = await connected(server, "probe")
    try:
        with capture_logs() as logs:
            await bus.nc.publish(STOLEN, b"secret text")
            await bus.flush()
            await until(lambda: logs)
    finally:
        await bus.close()
    (line,) = logs
    assert line["event"] == "bus.forbidden"
    assert STOLEN in line["detail"]
    assert "secret text" not in str(line)


async def test_a_hand_over_is_answered_where_it_asks_to_be(server: RoleNats) -> None:
    """The gateway may publish to nobody's inbox but as the answer to a request that it got."""
    gateway, dispatch = await connected(server, "gateway"), await connected(server, "dispatch")
    try:

        async def answer(message: Any) -> None:
            await message.respond(b"fates")

        await gateway.nc.subscribe("smpp.session.a.b.submit", cb=answer)
        await gateway.flush()
        assert await dispatch.request("smpp.session.a.b.submit", b"pdus", 60.0) == b"fates"
        heard = await dispatch.nc.subscribe(dispatch.nc.new_inbox())
        await dispatch.flush()
        await gateway.nc.publish(heard.subject, b"forged")
        await gateway.flush()
        with pytest.raises(nats.errors.TimeoutError):
            await heard.next_msg(timeout=0.3)
    finally:
        await gateway.close()
        await dispatch.close()


async def test_nobody_comes_in_without_certificate_or_with_another_role_s_password(server: RoleNats) -> None:
    for changes in ({"tls_cert": None, "tls_key": None}, {"user": "gateway"}):
        with pytest.raises(BusError):
            await Bus.connect(replace(server.settings("probe"), **changes), "thief", wait=1.5)


async def test_a_rotated_password_counts_at_the_next_connection(server: RoleNats) -> None:
    settings = server.settings("dispatch")
    bus = await Bus.connect(settings, "dispatch", wait=5.0)
    back = asyncio.Event()

    async def reconnected() -> None:
        back.set()

    bus.on_reconnect = reconnected
    try:
        server.passwords["dispatch"] = secret()
        server.write_passwords()
        server.env("dispatch")  # writes the file that the client reads
        server.child.signal(signal.SIGHUP)
        await asyncio.wait_for(back.wait(), 60)
        await bus.flush()
    finally:
        await bus.close()
