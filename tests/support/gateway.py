"""A small SMSC, a stand-in for operator management and a gateway in this process, for the gateway's tests."""

from __future__ import annotations

import asyncio
import ssl
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
from aiohttp import web

from ghasi.bus import Bus, BusSettings
from ghasi.contracts import subjects
from ghasi.contracts.sessions import ControlAnswer, ControlRequest
from ghasi.contracts.submission import (
    AskRequest,
    SubmitAnswer,
    SubmitRequest,
    decode_answer,
    encode,
)
from ghasi.env import Env
from ghasi.operator_management import ManagementConfig
from ghasi.smpp.events import Answered, BindRequested, Closed, RequestReceived
from ghasi.smpp.pdu import BindRequest, DeliverSm, Pdu, SubmitSm, encode_pdu
from ghasi.smpp.session import Role, SessionConfig
from ghasi.transport import SessionProtocol
from sessions_gateway.config import GatewayConfig, LinkTimers, Retries
from sessions_gateway.gateway import Gateway

RECEIPT = b"id:%s sub:001 dlvrd:001 submit date:2604181030 done date:2604181031 stat:DELIVRD err:000 text:hi"
# No answer of the SMSC comes too late because the machine stands still; a test of a silent SMSC gives its own timer.
FAST_TIMERS = LinkTimers(
    connect=30.0, bind=30.0, response=30.0, enquire_interval=60.0, enquire_timeout=30.0, unbind=2.0
)
FAST_RETRIES = Retries(reconnect=(0.1, 0.2, 0.4), old_session=(0.15,), slow=0.2, credential_refusals=3)


async def until(condition: Callable[[], Any], seconds: float = 60.0) -> Any:
    """Waits for a condition that something else in the loop makes true; returns what it gave. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while not (found := condition()):
            await asyncio.sleep(0.005)
    return found


@dataclass(eq=False)
class SmscSession:
    protocol: SessionProtocol
    system_id: str = ""
    password: str = ""
    kind: str = ""

    @property
    def bound(self) -> bool:
        return self.protocol.session.is_bound and not self.protocol.session.closing


Answer = tuple[int, str] | None


@dataclass(eq=False)
class SmallSmsc:
    """Accepts binds and submits as its attributes say; keeps what came."""

    bind_status: dict[str, int] = field(default_factory=dict)
    close_on_bind: set[str] = field(default_factory=set)
    silent_bind: bool = False
    answer: Callable[[SubmitSm, int], Answer] = field(default=lambda pdu, number: (0, f"id-{number}"))
    session: dict[str, Any] = field(default_factory=dict)
    tls: ssl.SSLContext | None = None
    sessions: list[SmscSession] = field(default_factory=list)
    binds: list[str] = field(default_factory=list)
    requests: list[BindRequest] = field(default_factory=list)
    submits: list[tuple[float, SubmitSm, SmscSession]] = field(default_factory=list)
    held: list[tuple[SmscSession, SubmitSm]] = field(default_factory=list)
    responses: list[Pdu] = field(default_factory=list)
    port: int = 0
    deaf: bool = False

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        config = SessionConfig(role=Role.SMSC, system_id="SMSC", window_size=500, **self.session)
        self._server = await loop.create_server(
            lambda: SessionProtocol(config, self._on_event), "127.0.0.1", self.port, ssl=self.tls
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        self._server.close()
        for one in self.sessions:
            one.protocol.abort("test ends")
        await asyncio.gather(*(one.protocol.closed.wait() for one in self.sessions))

    @property
    def bound(self) -> list[SmscSession]:
        return [one for one in self.sessions if one.bound]

    def drop(self) -> None:
        """All connections are gone, without a word."""
        for one in self.sessions:
            one.protocol.abort("dropped")

    def respond(self, session: SmscSession, request: SubmitSm, status: int = 0, message_id: str = "") -> None:
        fields = {"message_id": message_id} if message_id else {}
        session.protocol.session.respond(request, now=_now(), command_status=status, **fields)
        session.protocol.pump()

    def deliver(self, pdu: DeliverSm, session: SmscSession | None = None) -> None:
        chosen = session or next(one for one in self.bound if one.kind != "bind_transmitter")
        chosen.protocol.session.send(pdu, now=_now())
        chosen.protocol.pump()

    def _session(self, protocol: SessionProtocol) -> SmscSession:
        for one in self.sessions:
            if one.protocol is protocol:
                return one
        self.sessions.append(SmscSession(protocol))
        return self.sessions[-1]

    def _on_event(self, protocol: SessionProtocol, event: object) -> None:
        if isinstance(event, BindRequested):
            self._on_bind(protocol, event)
        elif isinstance(event, RequestReceived) and isinstance(event.request, SubmitSm):
            self._on_submit(protocol, event.request)
        elif isinstance(event, Answered):
            self.responses.append(event.response)
        elif isinstance(event, Closed):
            self._session(protocol)

    def _on_bind(self, protocol: SessionProtocol, event: BindRequested) -> None:
        request = event.request
        kind = request.command_name
        self.binds.append(kind)
        self.requests.append(request)
        session = self._session(protocol)
        session.system_id, session.password, session.kind = request.system_id, request.password, kind
        if kind in self.close_on_bind:
            protocol.session.close("closed without an answer")
        elif not self.silent_bind:
            protocol.session.respond(request, now=_now(), command_status=self.bind_status.get(kind, 0))

    def _on_submit(self, protocol: SessionProtocol, request: SubmitSm) -> None:
        session = self._session(protocol)
        self.submits.append((time.monotonic(), request, session))
        answer = self.answer(request, len(self.submits))
        if answer is None:
            self.held.append((session, request))
            return
        status, message_id = answer
        fields = {"message_id": message_id} if message_id else {}
        protocol.session.respond(request, now=_now(), command_status=status, **fields)


def _now() -> float:
    return asyncio.get_running_loop().time()


@dataclass(eq=False)
class Management:
    """Operator management (docs/contract.md §6)."""

    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    token: str = "token-1"
    status: int = 0
    raw: bytes | None = None
    asked: list[str] = field(default_factory=list)
    tls: ssl.SSLContext | None = None
    delay: float = 0.0
    port: int = 0

    async def start(self, port: int = 0) -> None:
        app = web.Application()
        app.add_routes([web.get("/internal/operators/{id}/smpp-credentials", self._get)])
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port, ssl_context=self.tls)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        await self._runner.cleanup()

    async def _get(self, request: web.Request) -> web.Response:
        self.asked.append(request.match_info["id"])
        await asyncio.sleep(self.delay)
        if self.status:
            return web.Response(status=self.status, headers={"Location": "/elsewhere"})
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return web.Response(status=401)
        if self.raw is not None:
            return web.Response(body=self.raw)
        answer = self.answers.get(request.match_info["id"])
        return web.json_response(answer) if answer else web.Response(status=404)


def credentials(operator_id: str, port: int, **extra: Any) -> dict[str, Any]:
    """A plain answer of operator management."""
    return {
        "operatorId": operator_id,
        "operatorName": "Test-AF",
        "host": "127.0.0.1",
        "port": port,
        "systemId": "ghasi",
        "password": "s3cr3t!",
        "tpsLimit": 1000,
        "bindMode": "TRANSCEIVER",
        "backupOperatorId": None,
    } | extra


@dataclass(eq=False)
class World:
    """One operator, its SMSC, management, and a bus of the test's own."""

    nats_url: str
    redis_url: str
    operator_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    smsc: SmallSmsc = field(default_factory=SmallSmsc)
    management: Management = field(default_factory=Management)
    gateways: list[Gateway] = field(default_factory=list)
    bus: Bus = field(init=False)

    def allow(self, **extra: Any) -> None:
        """Management knows the operator, with these settings."""
        self.management.answers[self.operator_id] = credentials(self.operator_id, self.smsc.port, **extra)

    def config(self, replica: str | None = None, **changes: Any) -> GatewayConfig:
        config = GatewayConfig(
            replica=replica or f"test-{uuid.uuid4().hex[:8]}",
            operator_ids=(self.operator_id,),
            redis_url=self.redis_url,
            management=ManagementConfig(
                f"http://127.0.0.1:{self.management.port}",
                Env({"INTERNAL_SERVICE_TOKEN": "token-1"}),
                timeout=20.0,
            ),
            http_host="127.0.0.1",
            http_port=0,
            shutdown_deadline=20.0,
            timers=FAST_TIMERS,
            retries=FAST_RETRIES,
        )
        return replace(config, **changes)

    async def gateway(self, config: GatewayConfig | None = None, *, bound: bool = True) -> Gateway:
        gateway = Gateway(config or self.config(), BusSettings((self.nats_url,)))
        self.gateways.append(gateway)
        await gateway.start()
        if bound:
            await until(lambda: gateway.operators[self.operator_id].is_bound)
        return gateway

    async def submit(
        self,
        gateway: Gateway,
        texts: list[bytes],
        *,
        keys: list[str] | None = None,
        lanes: list[int] | None = None,
        within: float = 60.0,
        epoch: str | None = None,
    ) -> SubmitAnswer:
        request = SubmitRequest(
            epoch or gateway.epoch,
            int((time.time() + within) * 1000),
            keys or [uuid.uuid4().hex for _ in texts],
            lanes or [0] * len(texts),
            b"".join(submit_pdu(text) for text in texts),
        )
        return await self.request(gateway, encode(request))

    async def ask(self, gateway: Gateway, keys: list[str], epoch: str | None = None) -> SubmitAnswer:
        return await self.request(gateway, encode(AskRequest(epoch or gateway.epoch, keys)))

    async def request(self, gateway: Gateway, payload: bytes) -> SubmitAnswer:
        subject = subjects.submit(self.operator_id, gateway.config.replica)
        return decode_answer(await self.bus.request(subject, payload, 90.0))

    async def control(self, action: str, replica: str | None = None) -> ControlAnswer:
        subject = subjects.control(self.operator_id, replica)
        request = msgspec.json.encode(ControlRequest(action, "tester", "test"))
        return msgspec.json.decode(await self.bus.request(subject, request, 60.0), type=ControlAnswer)


@asynccontextmanager
async def world(nats_url: str, redis_url: str, **parts: Any) -> AsyncIterator[World]:
    """Everything started but a gateway; ends what the test started."""
    made = World(nats_url, redis_url, **parts)
    await made.smsc.start()
    await made.management.start()
    made.bus = await Bus.connect(BusSettings((nats_url,)), "test")
    await made.bus.ensure()
    made.allow()
    try:
        yield made
    finally:
        for gateway in made.gateways:
            await gateway.stop()
        await made.bus.close()
        await made.management.stop()
        await made.smsc.stop()


def submit_pdu(text: bytes = b"hello") -> bytes:
    return encode_pdu(
        SubmitSm(source_addr="GHASI", destination_addr="93701234567", short_message=text, registered_delivery=1)
    )


def receipt_pdu(message_id: str = "id-1") -> DeliverSm:
    return DeliverSm(
        source_addr="93701234567",
        destination_addr="GHASI",
        esm_class=0x04,
        short_message=RECEIPT % message_id.encode(),
    )


def mo_pdu(text: bytes = b"STOP") -> DeliverSm:
    return DeliverSm(source_addr="93701234567", destination_addr="1234", short_message=text)
