"""The throttle and the gateway's check on a Redis that speaks TLS only (`make tls`)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import redis.asyncio
import redis.exceptions
import trustme

from ghasi.env import Env
from ghasi.redis_settings import RedisSettings
from sessions_gateway.http import HttpServer
from sessions_gateway.metrics import Metrics
from tests.tls.conftest import PASSWORD, Files
from workers.throttle import Throttle

OPERATOR = "550e8400-e29b-41d4-a716-446655440001"


@pytest.fixture
def settings(redis_port: int, files: Files) -> RedisSettings:
    cert, key = files.issue("worker", "worker@example.org")
    return RedisSettings.from_env(
        Env(
            {
                "REDIS_URL": f"rediss://:{PASSWORD}@127.0.0.1:{redis_port}/0",
                "REDIS_TLS_CA": str(files.ca),
                "REDIS_TLS_CERT": str(cert),
                "REDIS_TLS_KEY": str(key),
            }
        )
    )


@asynccontextmanager
async def client(settings: RedisSettings) -> AsyncIterator[redis.asyncio.Redis]:
    async with settings.connect(socket_timeout=30.0) as made:
        yield made


async def test_permits_are_booked_over_tls(settings: RedisSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.throttle.CALL_TIMEOUT", 60.0)
    async with client(settings) as made:
        throttle = Throttle(made, False)
        async with asyncio.timeout(60):
            # A Redis that was empty is given one pause first.
            while not [key async for key in made.scan_iter(f"tps:{OPERATOR}:*")]:
                await throttle.book(OPERATOR, 100, 10)
                await asyncio.sleep(0.1)
        assert not throttle.on_local_share(OPERATOR)


async def test_the_gateway_s_check_reaches_it(settings: RedisSettings) -> None:
    server = HttpServer("127.0.0.1", 0, settings, Metrics())
    try:
        assert await server._redis_answers()
    finally:
        await server._redis.aclose()


async def test_who_shows_no_certificate_or_trusts_another_authority_gets_nowhere(
    settings: RedisSettings, tmp_path: Path
) -> None:
    other = tmp_path / "other.crt"
    trustme.CA().cert_pem.write_to_path(other)
    for wrong in (replace(settings, cert=None, key=None), replace(settings, ca=other), replace(settings, ca=None)):
        async with client(wrong) as made:
            with pytest.raises((redis.exceptions.RedisError, OSError)):
                await made.ping()


async def test_a_name_that_is_not_the_certificate_s_is_refused(settings: RedisSettings) -> None:
    async with client(replace(settings, url=settings.url.replace("127.0.0.1", "localhost"))) as made:
        with pytest.raises((redis.exceptions.RedisError, OSError), match=r"Hostname mismatch|not valid for"):
            await made.ping()


async def test_a_rotated_certificate_counts_for_the_next_connection(settings: RedisSettings, files: Files) -> None:
    async with client(settings) as made:
        assert await made.ping()
        assert settings.cert is not None
        good = settings.cert.read_text()
        settings.cert.write_text("no certificate")
        await made.connection_pool.disconnect()
        with pytest.raises((redis.exceptions.RedisError, OSError)):
            await made.ping()
        settings.cert.write_text(good)
        assert await made.ping()
