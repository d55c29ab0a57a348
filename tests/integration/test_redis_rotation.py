"""A password of Redis that changes under way: the next connection has the one that the file says then."""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest
import redis
from redis.asyncio import Redis, RedisCluster
from structlog.testing import capture_logs

from ghasi.devstack import binaries
from ghasi.devstack.ports import free_port
from ghasi.devstack.servers import Servers
from ghasi.env import Env
from ghasi.redis_settings import RedisSettings
from sessions_gateway.http import HttpServer
from sessions_gateway.metrics import Metrics
from workers.throttle import Throttle

FIRST, SECOND = "first-password-7Kq", "second-password-9Zw"


@dataclass
class Guarded:
    """A server that asks for a password, and the file from which its clients know it."""

    port: int
    file: Path

    @classmethod
    def on(cls, port: int, file: Path) -> Guarded:
        made = cls(port, file)
        with redis.Redis(port=port) as admin:
            admin.config_set("requirepass", FIRST)
        made.write(FIRST)
        return made

    def write(self, password: str) -> None:
        self.file.write_text(f"redis://:{password}@127.0.0.1:{self.port}/0\n", encoding="utf-8")

    def change(self, old: str, new: str) -> None:
        with redis.Redis(port=self.port, password=old) as admin:
            admin.config_set("requirepass", new)

    def drop_connections(self, password: str) -> None:
        with redis.Redis(port=self.port, password=password) as admin:
            assert admin.client_kill_filter(_type="normal", skipme=True) >= 1

    def settings(self) -> RedisSettings:
        return RedisSettings.from_env(Env({"REDIS_URL_FILE": str(self.file)}))


@pytest.fixture
def guarded(own_servers: Callable[..., Servers], tmp_path: Path) -> Guarded:
    return Guarded.on(own_servers(only=["valkey"]).endpoints.valkey_port, tmp_path / "redis-url")


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Guarded]:
    """One server that has all slots."""
    port = free_port()
    argv = [str(binaries.valkey_server()), "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    argv += ["--cluster-enabled", "yes", "--dir", str(tmp_path)]
    child = subprocess.Popen(argv, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                with redis.Redis(port=port) as admin:
                    admin.execute_command("CLUSTER ADDSLOTSRANGE 0 16383")
                    while admin.execute_command("CLUSTER INFO")["cluster_state"] != "ok":
                        assert time.monotonic() < deadline
                break
            except redis.ConnectionError:
                assert child.poll() is None
                assert time.monotonic() < deadline
        yield Guarded.on(port, tmp_path / "redis-url")
    finally:
        child.kill()
        child.wait()


@asynccontextmanager
async def throttle(client: Redis | RedisCluster) -> AsyncIterator[Throttle]:
    try:
        yield Throttle(client, isinstance(client, RedisCluster))
    finally:
        await client.aclose()


async def booked(throttle: Throttle, operator: str, *, shared: bool = True) -> None:
    """Once a PDU was booked, by Redis or by this process' own share."""
    async with asyncio.timeout(20):
        while True:
            booking = await throttle.book(operator, 1000, 1)
            if booking.delays and throttle.on_local_share(operator) is not shared:
                return
            await asyncio.sleep(booking.retry_after or 0.01)


async def assert_goes_on(place: Guarded, client: Redis | RedisCluster) -> None:
    operator = str(uuid4())
    async with throttle(client) as permits:
        await booked(permits, operator)
        place.change(FIRST, SECOND)
        with capture_logs() as said:
            assert (await permits.book(operator, 1000, 1)).delays, "the connection that is there stays good"
            place.write(SECOND)
            place.drop_connections(SECOND)
            assert (await permits.book(operator, 1000, 1)).delays, "the next connection has the new password"
        assert said == []


async def test_permits_go_on_with_the_password_that_the_file_says(guarded: Guarded) -> None:
    await assert_goes_on(guarded, guarded.settings().connect(socket_timeout=1.0))


async def test_permits_of_a_cluster_go_on(cluster: Guarded) -> None:
    await assert_goes_on(cluster, cluster.settings().connect_cluster(socket_timeout=1.0))


async def test_the_gateway_s_check_goes_on(guarded: Guarded) -> None:
    server = HttpServer("127.0.0.1", 0, guarded.settings(), Metrics())
    try:
        assert await server._redis_answers()
        guarded.change(FIRST, SECOND)
        assert await server._redis_answers()
        guarded.drop_connections(SECOND)
        assert not await server._redis_answers()
        guarded.write(SECOND)
        assert await server._redis_answers()
    finally:
        await server._redis.aclose()


async def test_with_the_old_password_in_the_file_it_is_as_if_redis_were_away(
    guarded: Guarded, caplog: pytest.LogCaptureFixture
) -> None:
    operator, client = str(uuid4()), guarded.settings().connect(socket_timeout=1.0)
    async with throttle(client) as permits:
        await booked(permits, operator)
        guarded.change(FIRST, SECOND)
        guarded.drop_connections(SECOND)
        with capture_logs() as said:
            began = time.monotonic()
            assert (await permits.book(operator, 1000, 1)).delays == ()
            assert time.monotonic() - began < 5
            await booked(permits, operator, shared=False)
            with pytest.raises(redis.AuthenticationError) as refused:
                await client.ping()
            guarded.write(SECOND)
            await booked(permits, operator)
        assert {line["event"] for line in said} == {"tps.local_share", "tps.shared_again"}
        shown = f"{said}{caplog.text}{refused.value!r}{client!r}{client.connection_pool!r}{guarded.settings()!r}"
        assert FIRST not in shown
        assert SECOND not in shown


async def test_a_server_that_comes_back_with_another_password_is_found_again(
    own_servers: Callable[..., Servers], tmp_path: Path
) -> None:
    servers, operator = own_servers(only=["valkey"]), str(uuid4())
    guarded = Guarded.on(servers.endpoints.valkey_port, tmp_path / "redis-url")
    async with throttle(guarded.settings().connect(socket_timeout=1.0)) as permits:
        await booked(permits, operator)
        servers.valkey.kill()
        await booked(permits, operator, shared=False)
        guarded.write(SECOND)
        await asyncio.to_thread(servers.valkey.start)
        with redis.Redis(port=guarded.port) as admin:
            admin.config_set("requirepass", SECOND)
        await booked(permits, operator)
