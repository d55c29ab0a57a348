"""Port 3001: /health, /ready, /metrics, /sessions (docs/contract.md §7)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Protocol

import msgspec
from aiohttp import web
from redis.exceptions import RedisError

from ghasi.contracts.sessions import SessionRecord, State
from ghasi.redis_settings import RedisSettings
from sessions_gateway.metrics import Metrics

REDIS_TIMEOUT = 1.0
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class View(Protocol):
    """What the gateway shows of itself."""

    def nats_connected(self) -> bool: ...
    def records(self) -> list[SessionRecord]: ...
    def others(self) -> list[SessionRecord]: ...
    def observe(self) -> None: ...


def sessions_of(own: list[SessionRecord], others: list[SessionRecord]) -> list[dict[str, Any]]:
    """One entry an operator and replica that holds binds; a standby names the holder as `replica`."""
    held = {record.operator_id for record in others if record.binds > 0}
    shown = [record for record in own if record.binds > 0 or record.operator_id not in held] + [
        record for record in others if record.binds > 0
    ]
    return [_entry(record) for record in sorted(shown, key=lambda one: (one.operator_id, one.replica))]


def _entry(record: SessionRecord) -> dict[str, Any]:
    return {
        "operatorId": record.operator_id,
        "operatorName": record.operator_name,
        "state": record.state.value,
        "bindMode": record.bind_mode,
        "lastBoundAt": _iso(record.last_bound_at),
        "reconnectAttempts": record.reconnect_attempts,
        "host": record.host,
        "port": record.port,
        "isPrimary": record.is_primary,
        "binds": record.binds,
        "window": {
            "size": record.window_size,
            "used": record.window_used,
            "effective": record.window_effective or record.window_size * record.binds,
        },
        "tpsLimit": record.tps_limit,
        "tpsCurrent": record.tps_current,
        "tpsEffective": record.tps_effective or record.tps_limit,
        "nextReconnectAt": _iso(record.next_reconnect_at),
        "lastUnboundAt": _iso(record.last_unbound_at),
        "reason": record.reason,
        "replica": record.replica,
        "backupOperatorId": record.backup_operator_id,
        "carriedBy": record.carried_by,
    }


def _iso(at: float | None) -> str | None:
    if at is None:
        return None
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class HttpServer:
    """Starts before everything else, so that /health answers while NATS is still looked for."""

    def __init__(self, host: str, port: int, redis: RedisSettings, metrics: Metrics) -> None:
        self._host = host
        self._wanted_port = port
        self._redis = redis.connect(socket_timeout=REDIS_TIMEOUT, socket_connect_timeout=REDIS_TIMEOUT)
        self._metrics = metrics
        self._runner: web.AppRunner | None = None
        self.view: View | None = None
        """None until the gateway has something to show."""
        self.port = port

    async def start(self) -> None:
        """Raises OSError where the port is taken."""
        app = web.Application()
        routes: tuple[tuple[str, Callable[[web.Request], Any]], ...] = (
            ("/health", self._health),
            ("/ready", self._ready),
            ("/metrics", self._render),
            ("/sessions", self._sessions),
        )
        app.add_routes([web.get(path, handler) for path, handler in routes])
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self._wanted_port)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
        await self._redis.aclose()

    async def _health(self, _: web.Request) -> web.Response:
        return _json({"status": "ok"})

    async def _ready(self, _: web.Request) -> web.Response:
        view = self.view
        assigned = {record.operator_id for record in view.records() if record.is_primary} if view else set()
        records = [*view.records(), *view.others()] if view else []
        checks = {
            "nats": bool(view and view.nats_connected()),
            "redis": await self._redis_answers(),
            "bound": any(
                record.state in (State.BOUND, State.FAILBACK) and record.operator_id in assigned for record in records
            ),
        }
        ready = all(checks.values())
        body = {"ready": ready, "checks": {name: "ok" if ok else "failed" for name, ok in checks.items()}}
        return _json(body, status=200 if ready else 503)

    async def _redis_answers(self) -> bool:
        try:
            async with asyncio.timeout(2 * REDIS_TIMEOUT):
                return bool(await self._redis.ping())
        except (RedisError, OSError, TimeoutError):
            return False

    async def _render(self, _: web.Request) -> web.Response:
        if self.view is not None:
            self.view.observe()
        return web.Response(body=self._metrics.render(), headers={"Content-Type": CONTENT_TYPE})

    async def _sessions(self, _: web.Request) -> web.Response:
        view = self.view
        return _json({"sessions": sessions_of(view.records(), view.others()) if view else []})


def _json(body: object, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(body), status=status, content_type="application/json")
