"""Several gateway processes on one simulated operator, and what the operator's own log says of their binds."""

from __future__ import annotations

import asyncio
import os
import sys
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from nats.js.errors import KeyNotFoundError

from ghasi.bus import Bus, BusSettings
from ghasi.contracts import subjects
from ghasi.contracts.sessions import SessionRecord, SlotRecord
from ghasi.contracts.submission import AskRequest, SubmitAnswer, SubmitRequest, decode_answer, encode
from ghasi.devstack.child import Child
from ghasi.devstack.ports import free_port
from ghasi.devstack.servers import Servers
from ghasi.smpp.pdu import SubmitSm, encode_pdu
from tests.support.product import Product

LONG = os.environ.get("LONG") == "1"
"""`LONG=1`: more rounds, and pauses of the length that the promise names."""
TAKEOVER_AFTER_KILL = 15.0
TAKEOVER_AFTER_STOP = 3.0


@dataclass(frozen=True)
class BindsOnTheWire:
    """What the SMSC noted of sessions: the most at once, when binds were accepted (monotonic seconds), refusals."""

    most: int
    accepted: list[float]
    refused: int


def binds_on_the_wire(log: Iterable[dict[str, Any]]) -> BindsOnTheWire:
    """From the simulator's lines in order; a session counts from its bind to its unbind or close."""
    live: set[int] = set()
    most = refused = 0
    accepted = []
    for line in log:
        if line["event"] == "bind" and line["accepted"]:
            live.add(line["bind"])
            accepted.append(line["mono"])
            most = max(most, len(live))
        elif line["event"] == "bind":
            refused += 1
        elif line["event"] in ("unbind", "closed"):
            live.discard(line["bind"])
    return BindsOnTheWire(most, accepted, refused)


class Replicas(Product):
    """Simulator, stand-in for operator management and as many gateways as a test starts: no workers, no database."""

    def __init__(self, servers: Servers, folder: Path, operators: Sequence[dict[str, Any]], **kwargs: Any) -> None:
        super().__init__(servers, folder, operators, **kwargs)
        self.http_ports: dict[str, int] = {}
        self._lives: dict[str, int] = {}
        """Where in its log the present life of a replica begins."""
        self.bus: Bus

    async def __aenter__(self) -> Replicas:
        self.log_dir.mkdir(parents=True, exist_ok=True)
        scenario = str(self.write_scenario())
        self.run_simulator(scenario)
        self.run_management(scenario)
        self.bus = await Bus.connect(BusSettings((self.servers.nats_url,)), "test")
        await self.bus.ensure()
        return self

    async def __aexit__(self, *_: object) -> None:
        with suppress(ProcessLookupError):
            for child in self.children.values():
                child.resume()
        await self.bus.close()
        self.stop()

    def run_management(self, scenario: str | None = None) -> Child:
        argv = [sys.executable, "manage.py", "operator_management", scenario or str(self.folder / "scenario.yaml")]
        return self.run("management", [*argv, "--port", str(self.management_port)])

    def gateway(self, name: str, **env: str) -> Child:
        """A replica of that name; again under the same name is another life of it."""
        self.http_ports[name] = port = self.http_ports.get(name) or free_port()
        argv = [sys.executable, "-m", "sessions_gateway"]
        earlier = self.servers.run.logs / f"{self.tag}-{name}.log"
        self._lives[name] = earlier.stat().st_size if earlier.exists() else 0
        return self.run(name, argv, GATEWAY_REPLICA=name, HTTP_PORT=str(port), **env)

    def forget(self, name: str) -> None:
        """A replica that has ended on purpose."""
        self.children.pop(name).stop()

    @property
    def operator_id(self) -> str:
        return str(self.operators[0]["id"])

    def log(self) -> list[dict[str, Any]]:
        """All lines of the simulator so far."""
        path = self.log_dir / f"{self.operator_id}.jsonl"
        if not path.exists():
            return []
        whole = path.read_bytes().rpartition(b"\n")[0]
        return [msgspec.json.decode(line) for line in whole.splitlines()]

    def said(self, name: str, event: str) -> list[dict[str, Any]]:
        """Log lines of a replica in its present life."""
        lines = self.children[name].log_file.read_bytes()[self._lives[name] :].splitlines()
        found = [msgspec.json.decode(line) for line in lines if line.startswith(b"{")]
        return [line for line in found if line["event"] == event]

    async def until(self, holds: Callable[[], Any], timeout: float = 60.0, what: str = "") -> Any:
        """Waits for something that other processes make true."""
        end = time.monotonic() + timeout
        while not (found := holds()):
            assert time.monotonic() < end, f"did not happen within {timeout} s: {what}\n{self.tails()}"
            await asyncio.sleep(0.02)
        return found

    # -- what the buckets say

    async def holders(self) -> dict[int, str]:
        """slot → replica."""
        bucket = await self.bus.bucket(subjects.BUCKET_SLOTS)
        found = {}
        for slot in range(int(self.operators[0].get("maxBinds", 1))):
            with suppress(KeyNotFoundError):
                entry = await bucket.get(subjects.slot_key(self.operator_id, slot))
                found[slot] = msgspec.json.decode(entry.value or b"", type=SlotRecord).replica
        return found

    async def record(self, name: str) -> SessionRecord | None:
        bucket = await self.bus.bucket(subjects.BUCKET_SESSIONS)
        with suppress(KeyNotFoundError):
            entry = await bucket.get(subjects.session_key(self.operator_id, name))
            return msgspec.json.decode(entry.value or b"", type=SessionRecord)
        return None

    async def until_bound(self, name: str, binds: int = 1, timeout: float = 60.0) -> SessionRecord:
        """The record of a replica that says so many binds."""
        end = time.monotonic() + timeout
        while True:
            record = await self.record(name)
            if record is not None and record.binds == binds:
                return record
            assert time.monotonic() < end, f"{name} has not {binds} binds within {timeout} s\n{self.tails()}"
            await asyncio.sleep(0.05)

    # -- as a worker does

    async def submit(self, record: SessionRecord, pdus: Sequence[bytes], keys: Sequence[str]) -> SubmitAnswer:
        """Hands PDUs over and waits as long as it takes."""
        deadline_ms = int((time.time() + 10.0) * 1000)
        request = SubmitRequest(record.epoch, deadline_ms, list(keys), [0] * len(keys), b"".join(pdus))
        return await self._request(record, encode(request))

    async def ask(self, record: SessionRecord, keys: Sequence[str]) -> SubmitAnswer:
        return await self._request(record, encode(AskRequest(record.epoch, list(keys))))

    async def _request(self, record: SessionRecord, payload: bytes) -> SubmitAnswer:
        subject = subjects.submit(record.operator_id, record.replica)
        return decode_answer(await self.bus.request(subject, payload, 150.0))


def numbered(count: int, text: bytes = b"hello") -> tuple[list[str], list[bytes]]:
    """Keys and PDUs; the destinations count from 93700000000."""
    keys = [uuid.uuid4().hex for _ in range(count)]
    return keys, [
        encode_pdu(SubmitSm(source_addr="GHASI", destination_addr=str(93700000000 + n), short_message=text))
        for n in range(count)
    ]
