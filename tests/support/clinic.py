"""A whole installation on servers of its own, examined by the doctor in this process, and faults to plant in it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import redis
import trustme
from aiohttp import web
from django.db import connections

from ghasi.bus import Bus, BusSettings
from ghasi.contracts import subjects
from ghasi.database.url import database_from_url
from ghasi.devstack.endpoint import Endpoints
from ghasi.devstack.nats import NatsServer
from ghasi.devstack.rundir import RunDir
from ghasi.devstack.stack import Stack
from ghasi.doctor.findings import Finding
from ghasi.doctor.run import examine
from ghasi.doctor.surroundings import Surroundings
from ghasi.env import Env
from ghasi.release import VERSION

Fault = Callable[["Clinic"], AbstractAsyncContextManager[None]]


class Careless(NatsServer):
    """As `nats-server` comes: what it acknowledges is on disk two minutes later."""

    def _config(self) -> dict[str, object]:
        config = super()._config()
        jetstream = config["jetstream"]
        assert isinstance(jetstream, dict)
        del jetstream["sync_interval"]
        return config


class Narrow(NatsServer):
    """Whoever says no name may not ask for streams."""

    def _config(self) -> dict[str, object]:
        user = {"user": "staff", "password": "p", "permissions": {"publish": {"deny": ["$JS.API.STREAM.INFO.>"]}}}
        return {**super()._config(), "authorization": {"users": [user]}, "no_auth_user": "staff"}


@dataclass
class Clinic:
    """`env` and `monitors` are what the doctor is given; faults change them and put them back."""

    stack: Stack
    folder: Path
    env: dict[str, str] = field(default_factory=dict)
    monitors: list[str] = field(default_factory=list)

    @property
    def operator_id(self) -> str:
        return self.stack.operator_ids[0]

    async def examine(self) -> list[Finding]:
        """As `manage.py doctor` does, without the seconds that starting Python takes."""
        known = database_from_url(self.env["DATABASE_URL"], conn_max_age=0)
        settings = connections.settings["default"]
        before = dict(settings)
        settings.update(known)
        try:
            return await examine(Surroundings.of(Env(self.env), timeout=3.0, monitors=tuple(self.monitors)))
        finally:
            settings.update(before)

    @asynccontextmanager
    async def bus(self) -> AsyncIterator[Bus]:
        bus = await Bus.connect(BusSettings((self.stack.servers.nats_url,)), "clinic")
        try:
            yield bus
        finally:
            await bus.close()

    def sql(self, *statements: str) -> None:
        with psycopg.connect(self.stack.servers.database_url, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)

    @asynccontextmanager
    async def given(self, **env: str) -> AsyncIterator[None]:
        before = dict(self.env)
        self.env.update(env)
        try:
            yield
        finally:
            self.env = before


def setting(**env: str) -> Fault:
    return lambda clinic: clinic.given(**env)


def statements(plant: tuple[str, ...], heal: tuple[str, ...]) -> Fault:
    @asynccontextmanager
    async def fault(clinic: Clinic) -> AsyncIterator[None]:
        clinic.sql(*plant)
        try:
            yield
        finally:
            clinic.sql(*heal)

    return fault


def stream(name: str, **changes: Any) -> Fault:
    @asynccontextmanager
    async def fault(clinic: Clinic) -> AsyncIterator[None]:
        async with clinic.bus() as bus:
            config = (await bus.js.stream_info(name)).config
            await bus.js.update_stream(config.evolve(**changes))
            try:
                yield
            finally:
                await bus.js.update_stream(config)

    return fault


@asynccontextmanager
async def no_sync(clinic: Clinic) -> AsyncIterator[None]:
    """Its monitoring page is one of those the doctor reads."""
    run = RunDir(clinic.folder / "careless")
    run.claim()
    server = Careless(run, Endpoints())
    await asyncio.to_thread(server.start)
    clinic.monitors.append(server.monitor_url)
    try:
        yield
    finally:
        clinic.monitors.remove(server.monitor_url)
        await asyncio.to_thread(server.stop)
        run.release()


@asynccontextmanager
async def narrow(clinic: Clinic) -> AsyncIterator[None]:
    run = RunDir(clinic.folder / "narrow")
    run.claim()
    server = Narrow(run, Endpoints())
    await asyncio.to_thread(server.start)
    try:
        async with clinic.given(NATS_URL=server.url):
            yield
    finally:
        await asyncio.to_thread(server.stop)
        run.release()


@asynccontextmanager
async def consumer(clinic: Clinic) -> AsyncIterator[None]:
    async with clinic.bus() as bus:
        durable = subjects.dispatch_durable(clinic.operator_id)
        info = await bus.js.consumer_info(subjects.SMS_DISPATCH, durable)
        await bus.js.add_consumer(subjects.SMS_DISPATCH, info.config.evolve(max_deliver=5))
        try:
            yield
        finally:
            await bus.js.add_consumer(subjects.SMS_DISPATCH, info.config.evolve(max_deliver=-1))


@asynccontextmanager
async def stranger(clinic: Clinic) -> AsyncIterator[None]:
    """A command for an operator nobody serves."""
    subject = subjects.dispatch("00000000-0000-4000-8000-00000000dead")
    async with clinic.bus() as bus:
        await bus.js.publish(subject, b"{}")
        try:
            yield
        finally:
            await bus.js.purge_stream(subjects.SMS_DISPATCH, subject=subject)


def key(bucket: str, name: str, value: Callable[[Clinic], dict[str, Any]]) -> Fault:
    """A record in a bucket, taken away afterwards."""

    @asynccontextmanager
    async def fault(clinic: Clinic) -> AsyncIterator[None]:
        async with clinic.bus() as bus:
            store = await bus.bucket(bucket)
            full = name.replace("{op}", clinic.operator_id)
            await store.put(full, msgspec.json.encode(value(clinic)))
            try:
                yield
            finally:
                await store.purge(full)

    return fault


def both(*faults: Fault) -> Fault:
    @asynccontextmanager
    async def fault(clinic: Clinic) -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as undo:
            for one in faults:
                await undo.enter_async_context(one(clinic))
            yield

    return fault


def replica(name: str, **changes: Any) -> Fault:
    def record(clinic: Clinic) -> dict[str, Any]:
        made = {"replica": name, "epoch": "e1", "startedAt": time.time(), "operatorIds": clinic.stack.operator_ids}
        return {**made, "version": VERSION, **changes}

    return key(subjects.BUCKET_REPLICAS, name, record)


def session(name: str, **changes: Any) -> Fault:
    def record(clinic: Clinic) -> dict[str, Any]:
        made = {"operatorId": clinic.operator_id, "replica": name, "epoch": "e1", "state": "UNBOUND"}
        return {**made, "updatedAt": time.time() - 60.0, **changes}

    return key(subjects.BUCKET_SESSIONS, f"{{op}}.{name}", record)


@asynccontextmanager
async def evicting(clinic: Clinic) -> AsyncIterator[None]:
    client = redis.Redis.from_url(clinic.stack.servers.redis_url)
    client.config_set("maxmemory-policy", "allkeys-lru")
    try:
        yield
    finally:
        client.config_set("maxmemory-policy", "noeviction")
        client.close()


@asynccontextmanager
async def open_file(clinic: Clinic) -> AsyncIterator[None]:
    file = Path(clinic.env["INTERNAL_SERVICE_TOKEN_FILE"])
    await asyncio.to_thread(file.chmod, 0o644)
    try:
        yield
    finally:
        await asyncio.to_thread(file.chmod, 0o600)


def answering(status: int = 200, **changes: Any) -> Fault:
    """Operator management that answers so about every operator."""

    @asynccontextmanager
    async def fault(clinic: Clinic) -> AsyncIterator[None]:
        async def answer(request: web.Request) -> web.Response:
            made: dict[str, Any] = {
                "operatorId": request.match_info["id"],
                "systemId": "ghasi",
                "password": "secret12",
            }
            made |= {"host": "127.0.0.1", "port": 9, "tpsLimit": 10, "bindMode": "TRANSCEIVER", **changes}
            return web.Response(status=status, text=json.dumps(made))

        app = web.Application()
        app.router.add_get("/internal/operators/{id}/smpp-credentials", answer)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        try:
            async with clinic.given(OPERATOR_MGMT_URL=f"http://127.0.0.1:{port}"):
                yield
        finally:
            await runner.cleanup()

    return fault


def tls_operator(not_after: Any) -> Fault:
    """An operator whose port speaks TLS with a certificate that ends then, from a CA we trust."""

    @asynccontextmanager
    async def fault(clinic: Clinic) -> AsyncIterator[None]:
        ca = trustme.CA()
        leaf = ca.issue_cert("127.0.0.1", not_after=not_after)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        leaf.configure_cert(context)
        ca_file = clinic.folder / "ca.pem"
        ca.cert_pem.write_to_path(str(ca_file))

        async def take(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.close()

        server = await asyncio.start_server(take, "127.0.0.1", 0, ssl=context)
        port = server.sockets[0].getsockname()[1]
        try:
            async with answering(port=port, tls={"ca": str(ca_file)})(clinic):
                yield
        finally:
            server.close()
            await server.wait_closed()

    return fault
