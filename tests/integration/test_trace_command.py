"""`manage.py trace` against gateways and an SMSC of this process: lines, JSON, captures, and who may see what."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.core.management import CommandError, call_command
from django.db import connection

from ghasi.operators import watching
from ghasi.smpp.pdu import decode_pdu, frames
from ghasi.smpp.tlv import Tlv
from sessions_gateway import slot_keeper
from sessions_gateway.leases import SlotLeases
from sessions_gateway.metrics import Metrics
from sessions_gateway.store import Store
from tests.support.gateway import World, receipt_pdu, until, world
from tests.support.pcap import read_pcap, streams

T = TypeVar("T")
ROOT = Path(__file__).parents[2]


@pytest.fixture
async def place(nats_url: str, redis_url: str) -> AsyncIterator[World]:
    async with world(nats_url, redis_url) as made:
        yield made


@pytest.fixture
def staff(django_ready: None) -> Iterator[str]:
    """A user with the permission to see numbers in full."""
    user = User.objects.create(username=f"staff-{uuid4().hex[:8]}")
    user.user_permissions.set(Permission.objects.filter(codename="view_pii"))
    yield user.username
    User.objects.all().delete()
    connection.close()


def in_own_connection(work: Callable[[], T]) -> T:
    """For threads: a connection belongs to the thread that opened it."""
    try:
        return work()
    finally:
        connection.close()


class Command:
    """The command beside the test; the gateway's log is on the process's own stdout."""

    def __init__(self, place: World, *args: str) -> None:
        self._out, self._err = io.StringIO(), io.StringIO()
        run = partial(call_command, "trace", place.operator_id, *args, stdout=self._out, stderr=self._err)
        self.task = asyncio.create_task(asyncio.to_thread(in_own_connection, run))

    @property
    def out(self) -> str:
        return self._out.getvalue()

    @property
    def err(self) -> str:
        return self._err.getvalue()


def taps(place: World) -> list[bool]:
    """For each gateway, whether somebody listens."""
    return [bool(one.operators[place.operator_id].traffic.taps._listeners) for one in place.gateways]


async def traced(place: World, *args: str, count: int) -> Command:
    """Runs the command until `count` PDUs of one submit and one receipt, sent once it listens, are shown."""
    running = Command(place, *args, "--count", str(count))
    await until(lambda: all(taps(place)) or running.task.done())
    if not running.task.done():
        await place.submit(place.gateways[0], [b"Your code is 204816"])
        place.smsc.deliver(receipt_pdu("id-1"))
    async with asyncio.timeout(60):
        await running.task
    await until(lambda: not any(taps(place)))
    return running


async def test_lines_for_people(place: World) -> None:
    await place.gateway()
    shown = await traced(place, count=4)
    lines = shown.out.splitlines()
    assert len(lines) == 4
    assert "→ submit_sm " in lines[0]
    assert "→ 9370*****67 (0/0) dcs 0x00 reg 0x01 '*******************'" in lines[0]
    assert "← submit_sm_resp " in lines[1]
    assert " ms  ESME_ROK id id-1" in lines[1]
    assert "receipt id id-1 DELIVRD: DELIVERED err 000" in lines[2]
    assert "204816" not in shown.out
    assert f"{place.gateways[0].config.replica}: masked" in shown.err
    assert "4 PDUs" in shown.err


OWN_RULES = {
    "alphabet": "latin1",
    "receipts": {"words": {"DELIVRD": "rejected"}},
    "tlvsRead": [{"tag": 0x1403, "name": "mccMnc"}],
}


async def test_read_by_the_operators_rules_and_by_the_profile_given(place: World, tmp_path: Path) -> None:
    place.allow(rules=OWN_RULES)
    await place.gateway(place.config(trace_unmasked=True))
    plain = tmp_path / "plain.yaml"
    plain.write_text("title: plain\n")
    place.smsc.answer = lambda pdu, number: (0, "0093701234567")

    async def shown(*options: str) -> str:
        running = Command(place, "--count", "3", *options)
        await until(lambda: all(taps(place)) or running.task.done())
        await place.submit(place.gateways[0], [b"one"])
        receipt = receipt_pdu("0093701234567")
        place.smsc.deliver(replace(receipt, tlvs=(Tlv(0x1403, b"41220"), Tlv(0x1404, b"private"))))
        async with asyncio.timeout(60):
            await running.task
        await until(lambda: not any(taps(place)))
        assert "1234567" not in running.out
        assert "private" not in running.out
        return running.out

    by_rules = await shown()
    assert "DELIVRD: REJECTED err 000" in by_rules
    assert "mccMnc '41220'" in by_rules
    assert "ESME_ROK id 0093*******67" in by_rules
    by_file = await shown("--profile", str(plain))
    assert "DELIVRD: DELIVERED" in by_file
    assert "mccMnc" not in by_file


async def test_a_profile_that_nobody_knows(place: World) -> None:
    with pytest.raises(CommandError, match="profile: no file"):
        await asyncio.to_thread(call_command, "trace", place.operator_id, "--profile", "nobodys")


async def test_every_field_and_octet(place: World) -> None:
    await place.gateway()
    shown = (await traced(place, "--full", "--hex", "--command", "submit_sm", count=1)).out
    assert "destination_addr         '9370*****67'" in shown
    assert "    0000  00 00 00 " in shown


async def test_json_of_the_commands_asked_for(place: World) -> None:
    await place.gateway()
    shown = await traced(place, "--json", "--command", "submit_sm*", count=2)
    forms = [json.loads(line) for line in shown.out.splitlines()]
    assert [(form["direction"], form["pdu"]["command"]) for form in forms] == [
        ("sent", "submit_sm"),
        ("received", "submit_sm_resp"),
    ]
    assert {form["masked"] for form in forms} == {True}


async def test_a_capture_file(place: World, tmp_path: Path) -> None:
    await place.gateway()
    file = tmp_path / "trace.pcap"
    shown = await traced(place, "--pcap", str(file), "--number", "4567", count=4)
    found = streams(list(read_pcap(file.read_bytes())))
    names = {way: [decode_pdu(frame).command_name for frame in frames(octets)] for way, octets in found.items()}
    assert sorted(names.values()) == [["submit_sm", "deliver_sm_resp"], ["submit_sm_resp", "deliver_sm"]]
    assert {port for way in names for _, port in way} >= {place.smsc.port}
    assert len(shown.out.splitlines()) == 4


async def test_all_replicas_in_one_order(place: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slot_keeper, "LOOK_EVERY", 0.1)
    first = await place.gateway()
    place.allow(maxBinds=2)
    second = await place.gateway(bound=False)
    taken = SlotLeases(Store(place.bus), second.config.replica, second.epoch, Metrics(), sole=False)
    assert await taken.acquire(place.operator_id, 1)
    await place.control("rebind", first.config.replica)
    await until(lambda: second.operators[place.operator_id].is_bound and len(place.smsc.bound) == 2)
    running = Command(place, "--json", "--command", "submit_sm", "--count", "6")
    await until(lambda: all(taps(place)))
    for _ in range(3):
        for gateway in place.gateways:
            await place.submit(gateway, [b"x"])
    async with asyncio.timeout(60):
        await running.task
    forms = [json.loads(line) for line in running.out.splitlines()]
    assert [form["at"] for form in forms] == sorted(form["at"] for form in forms)
    assert {form["replica"] for form in forms} == {one.config.replica for one in place.gateways}
    assert forms[1]["replica"] == second.config.replica


async def test_in_clear_for_who_may(place: World, staff: str) -> None:
    await place.gateway(place.config(trace_unmasked=True))
    options = ("--unmask", "--as", staff, "--reason", "ticket 12", "--number", "93701234567")
    shown = await traced(place, *options, count=2)
    assert "93701234567 (0/0) dcs 0x00 reg 0x01 'Your code is 204816'" in shown.out
    find = partial(LogEntry.objects.select_related("user").get, object_id=place.operator_id)
    entry = await asyncio.to_thread(in_own_connection, find)
    assert entry.user.username == staff
    assert "unmasked" in entry.change_message
    assert entry.change_message.endswith(": ticket 12")


async def test_a_gateway_that_does_not_allow_it_refuses(place: World, staff: str) -> None:
    await place.gateway()
    with pytest.raises(CommandError, match="SMPP_TRACE_UNMASKED") as refused:
        await traced(place, "--unmask", "--as", staff, count=1)
    assert refused.value.returncode == 1


@pytest.mark.usefixtures("django_ready")
def test_who_may_not() -> None:
    User.objects.create(username="plain")
    User.objects.create(username="gone", is_active=False, is_superuser=True)
    try:
        for user, why in (
            ("nobody", "no active user"),
            ("gone", "no active user"),
            ("plain", "lacks the permission"),
        ):
            with pytest.raises(CommandError, match=why) as refused:
                call_command("trace", str(uuid4()), "--unmask", "--as", user)
            assert refused.value.returncode == 2
        assert not LogEntry.objects.exists()
    finally:
        User.objects.all().delete()
        connection.close()


@pytest.mark.parametrize(
    "args",
    [
        ("--unmask",),
        ("--number", "1"),
        ("--number", "12345"),
        ("--number", "12a"),
        ("--command", "submit"),
        ("--count", "0"),
        ("--seconds", "-1"),
        ("--pcap", "/nowhere/x.pcap"),
    ],
)
def test_wrong_usage(args: tuple[str, ...]) -> None:
    with pytest.raises(CommandError) as refused:
        call_command("trace", str(uuid4()), *args)
    assert refused.value.returncode == 2


def test_nobody_answers(nats_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "GATHER_SECONDS", 0.3)
    with pytest.raises(CommandError) as ended:
        call_command("trace", str(uuid4()))
    assert ended.value.returncode == 4


def test_nats_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NATS_URL", "nats://127.0.0.1:9")
    monkeypatch.setattr(watching, "CONNECT_WAIT", 0.3)
    with pytest.raises(CommandError) as failed:
        call_command("trace", str(uuid4()))
    assert failed.value.returncode == 3


async def test_it_ends_by_time_and_renews_until_then(place: World, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    gateway = await place.gateway()
    order = gateway._tracing.order

    def note(*args: Any) -> str:
        asked.append(order(*args))
        return asked[-1]

    monkeypatch.setattr(gateway._tracing, "order", note)
    monkeypatch.setattr(watching, "RENEW_SECONDS", 0.1)
    await Command(place, "--seconds", "2").task
    assert asked[0] == "masked"
    assert asked.count("renewed") >= 2
    assert asked[-1] == "ended"
    await until(lambda: not any(taps(place)))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_an_interrupt_ends_it_cleanly(place: World, nats_url: str, number: signal.Signals) -> None:
    await place.gateway()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "manage.py",
        "trace",
        place.operator_id,
        cwd=ROOT,
        env=os.environ | {"NATS_URL": nats_url},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    await until(lambda: all(taps(place)), 30)
    await place.submit(place.gateways[0], [b"one"])
    assert process.stdout
    assert b"submit_sm" in await process.stdout.readline()
    process.send_signal(number)
    _, told = await process.communicate()
    assert process.returncode == 130
    assert b"Traceback" not in told
    assert told.endswith(b" PDUs\n")
    await until(lambda: not any(taps(place)))
