"""bind, unbind, drain, rebind and sessions against a real NATS server and a holder that answers."""

import asyncio
import contextlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from django.core.management import CommandError, call_command
from nats.aio.msg import Msg

from ghasi.bus import Bus, BusSettings
from ghasi.contracts import subjects
from ghasi.contracts.sessions import ControlAnswer, ControlRequest, SessionRecord, State, Wanted, WantedRecord
from ghasi.operators.live import read_live


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, nats_url: str) -> None:
    monkeypatch.setattr("ghasi.operators.control.gather.__defaults__", (0.5,))


@contextmanager
def holder(nats_url: str, operator: str, *, ok: bool = True, **changes: Any) -> Iterator[list[ControlRequest]]:
    """A replica that answers control requests of one operator and reports a session of it."""
    heard: list[ControlRequest] = []
    ready, done = threading.Event(), threading.Event()

    async def serve() -> None:
        bus = await Bus.connect(BusSettings(urls=(nats_url,)), name="holder")
        await bus.ensure(streams=False)

        async def take(message: Msg) -> None:
            heard.append(msgspec.json.decode(message.data, type=ControlRequest))
            await message.respond(msgspec.json.encode(ControlAnswer("gw-1", ok, "wanted: bound")))
            await message.respond(b"not an answer")

        await bus.nc.subscribe(subjects.control(operator), cb=take)
        bucket = await bus.bucket(subjects.BUCKET_SESSIONS)
        record = SessionRecord(
            operator, "gw-1", "e1", State.BOUND, operator_name="Roshan", host="h", port=2775, **changes
        )
        await bucket.put(subjects.session_key(operator, "gw-1"), msgspec.json.encode(record))
        await bucket.put(subjects.session_key(operator, "gw-9"), b"of another release")
        ready.set()
        await asyncio.to_thread(done.wait)
        await bus.close()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        assert ready.wait(10)
        yield heard
    finally:
        done.set()
        thread.join()


def wanted(nats_url: str, operator: str) -> WantedRecord:
    async def read() -> bytes:
        bus = await Bus.connect(BusSettings(urls=(nats_url,)), name="test")
        bucket = await bus.bucket(subjects.BUCKET_WANTED)
        entry = await bucket.get(operator)
        await bus.close()
        return entry.value or b""

    return msgspec.json.decode(asyncio.run(read()), type=WantedRecord)


@pytest.mark.parametrize(
    ("command", "state"), [("bind", Wanted.BOUND), ("unbind", Wanted.UNBOUND), ("drain", Wanted.DRAINED)]
)
def test_an_order_is_kept_and_told(
    nats_url: str, capsys: pytest.CaptureFixture[str], command: str, state: Wanted
) -> None:
    operator = str(uuid4())
    with holder(nats_url, operator) as heard:
        call_command(command, operator.upper(), "--reason", "maintenance")
    assert f"{operator} gw-1: ok" in capsys.readouterr().out
    assert [(one.action, one.reason) for one in heard] == [(command, "maintenance")]
    kept = wanted(nats_url, operator)
    assert (kept.wanted, kept.reason) == (state, "maintenance")
    assert kept.by


def test_an_order_nobody_hears_is_kept(nats_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    operator = str(uuid4())
    with pytest.raises(SystemExit) as ended:
        call_command("drain", operator, "--json")
    assert ended.value.code == 4
    told = json.loads(capsys.readouterr().out)
    assert told == {"action": "drain", "operators": [{"operatorId": operator, "answers": []}]}
    assert wanted(nats_url, operator).wanted is Wanted.DRAINED


def test_a_rebind_is_told_and_nothing_is_kept(nats_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    operator = str(uuid4())
    with holder(nats_url, operator) as heard:
        call_command("rebind", operator, "--reason", "new certificate")
    assert f"{operator} gw-1: ok" in capsys.readouterr().out
    assert [(one.action, one.reason) for one in heard] == [("rebind", "new certificate")]
    with pytest.raises(SystemExit) as ended:
        call_command("rebind", operator)
    assert ended.value.code == 4
    assert f"{operator}: no gateway answered; nothing is kept" in capsys.readouterr().out
    assert operator not in read_live(BusSettings(urls=(nats_url,))).wanted


def presence(nats_url: str, key: str, operator: str) -> None:
    async def write() -> None:
        bus = await Bus.connect(BusSettings(urls=(nats_url,)), name="test")
        await bus.ensure(streams=False)
        bucket = await bus.bucket(subjects.BUCKET_REPLICAS)
        await bucket.put(key, json.dumps({"operatorIds": [operator]}).encode())
        await bus.close()

    asyncio.run(write())


@pytest.mark.parametrize("given", [["--dry-run"], []])
def test_an_order_for_an_operator_that_nobody_serves_warns(
    nats_url: str, capsys: pytest.CaptureFixture[str], given: list[str]
) -> None:
    served, unserved = str(uuid4()), str(uuid4())
    presence(nats_url, "worker.dispatch.test", served)
    with contextlib.suppress(SystemExit):
        call_command("bind", served, unserved, *given)
    warned = capsys.readouterr().err
    assert f"warning: {unserved}: no living gateway or worker is assigned to it" in warned
    assert served not in warned


def test_a_plan_is_told_also_where_nats_is_away(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NATS_URL", "nats://127.0.0.1:9")
    monkeypatch.setattr("ghasi.operators.served.CONNECT_WAIT", 0.3)
    call_command("bind", str(uuid4()), "--dry-run")
    told = capsys.readouterr()
    assert "would bind" in told.out
    assert "who serves what is not known" in told.err


def test_a_refusal_is_a_failure(nats_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    operator = str(uuid4())
    with holder(nats_url, operator, ok=False), pytest.raises(SystemExit) as ended:
        call_command("bind", operator)
    assert ended.value.code == 1
    assert "refused" in capsys.readouterr().out


def test_an_operator_is_named_by_its_uuid() -> None:
    with pytest.raises(CommandError) as refused:
        call_command("bind", "roshan")
    assert refused.value.returncode == 2


def test_nats_away_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NATS_URL", "nats://127.0.0.1:9")
    for place in ("control", "live"):
        monkeypatch.setattr(f"ghasi.operators.{place}.CONNECT_WAIT", 0.3)
    for command in (("bind", str(uuid4())), ("sessions",)):
        with pytest.raises(CommandError) as failed:
            call_command(*command)
        assert failed.value.returncode == 3


def test_sessions_are_listed(nats_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    operator = str(uuid4())
    with holder(nats_url, operator):
        call_command("sessions", operator)
        line = capsys.readouterr().out
        call_command("sessions", operator, "--json")
        (told,) = json.loads(capsys.readouterr().out)["sessions"]
    assert line.startswith(f"{operator} Roshan BOUND wanted=bound replica=gw-1")
    assert (told["operatorId"], told["state"], told["windowSize"], told["wanted"]) == (operator, "BOUND", 10, "bound")


def test_who_wants_it_otherwise_than_bound_is_shown(nats_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    operator = str(uuid4())
    with holder(nats_url, operator):
        call_command("drain", operator, "--reason", "their work at night")
        by = wanted(nats_url, operator).by
        capsys.readouterr()
        call_command("sessions", operator)
        line = capsys.readouterr().out.rstrip()
        call_command("sessions", operator, "--json")
        (told,) = json.loads(capsys.readouterr().out)["sessions"]
        call_command("bind", operator, "--reason", "done")
        capsys.readouterr()
        call_command("sessions", operator)
    assert "wanted=drained" in line
    assert line.endswith(f" wanted-by={by}: their work at night")
    assert by.startswith("shell:")
    assert (told["wanted"], told["wantedBy"], told["wantedReason"]) == ("drained", by, "their work at night")
    assert "wanted-by" not in capsys.readouterr().out, "bound is what everybody wants"


def test_a_session_that_is_slowed_and_narrowed_says_so(nats_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    operator = str(uuid4())
    shown: dict[str, Any] = {"tps_limit": 100, "tps_effective": 14, "binds": 2, "window_effective": 7}
    with holder(nats_url, operator, **shown):
        call_command("sessions", operator)
        line = capsys.readouterr().out
        call_command("sessions", operator, "--json")
        (told,) = json.loads(capsys.readouterr().out)["sessions"]
    assert "tps=0/100 window-effective=7 tps-effective=14" in line
    assert (told["tpsEffective"], told["windowEffective"]) == (14, 7)


def test_no_session_at_all(nats_url: str) -> None:
    with pytest.raises(SystemExit) as ended:
        call_command("sessions", str(uuid4()))
    assert ended.value.code == 1
