"""Redis or Valkey: whether the limits it keeps can be relied on. Nothing in it must survive."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from redis.exceptions import RedisError

from ghasi.doctor.findings import Finding, Findings
from ghasi.redis_settings import RedisSettings

NEARLY = 0.9
OLDEST = (6, 2)
SERVER = "Redis"


@dataclass(frozen=True, slots=True)
class RedisFacts:
    """`info` is INFO; `config` what CONFIG GET tells, empty where that is not allowed; `offset` its clock less
    ours."""

    info: dict[str, Any]
    config: dict[str, str] = field(default_factory=dict)
    offset: float = 0.0
    unsure: float = 0.0


class RedisAway(Exception):
    """It does not answer; the text is the type of the error."""


async def gather(settings: RedisSettings, timeout: float) -> RedisFacts:
    """Raises RedisAway."""
    try:
        client = settings.connect(socket_timeout=timeout, socket_connect_timeout=timeout)
    except (ValueError, OSError) as error:
        raise RedisAway(type(error).__name__) from None
    try:
        began = time.time()
        seconds, micros = await client.time()
        ended = time.time()
        info = await client.info()
        return RedisFacts(
            info, await _config(client), seconds + micros / 1e6 - (began + ended) / 2, (ended - began) / 2
        )
    except (RedisError, OSError, TimeoutError) as error:
        raise RedisAway(type(error).__name__) from None
    finally:
        await client.aclose()


async def _config(client: Any) -> dict[str, str]:
    try:
        found: dict[str, str] = await client.config_get("maxmemory-policy", "save", "appendonly")
    except RedisError:
        return {}
    return {_text(name): _text(value) for name, value in found.items()}


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def server(facts: RedisFacts, *, cluster: bool) -> Findings:
    info = facts.info
    version = str(info.get("valkey_version") or info.get("redis_version") or "")
    if tuple(int(part) for part in version.split(".")[:2] if part.isdigit()) < OLDEST:
        yield Finding("redis.version", SERVER, version or "not told")
    policy = facts.config.get("maxmemory-policy") or str(info.get("maxmemory_policy", "noeviction"))
    if policy != "noeviction":
        yield Finding("redis.eviction", SERVER, f"maxmemory-policy {policy}")
    most, used = int(info.get("maxmemory", 0)), int(info.get("used_memory", 0))
    if most and used > NEARLY * most:
        yield Finding("redis.memory", SERVER, f"{used / most:.0%} of maxmemory")
    if facts.config.get("appendonly") == "yes" or facts.config.get("save"):
        yield Finding("redis.persistence", SERVER, "it writes to disk")
    if info.get("role") == "slave":
        yield Finding("redis.replica", SERVER, "it is a replica")
    if bool(info.get("cluster_enabled")) != cluster:
        yield Finding(
            "redis.cluster", SERVER, f"the server says {'cluster' if info.get('cluster_enabled') else 'no cluster'}"
        )
