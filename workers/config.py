"""Settings of the worker pools, read once (docs/contract.md §12)."""

from __future__ import annotations

from dataclasses import dataclass

from ghasi.bus import BusSettings
from ghasi.env import Env, SettingsError
from ghasi.redis_settings import RedisSettings


@dataclass(frozen=True, slots=True)
class WorkerConfig:
    """`shutdown_deadline` in seconds: how long batches that have begun may take at SIGTERM."""

    operator_ids: tuple[str, ...]
    bus: BusSettings
    redis_url: str
    redis_cluster: bool
    retention_days: int
    shutdown_deadline: float
    log_level: str
    redis: RedisSettings | None = None
    """With the certificates of `redis_url`, where it is `rediss://`."""

    def __repr__(self) -> str:
        return f"WorkerConfig(operators={len(self.operator_ids)})"

    @classmethod
    def from_env(cls, env: Env | None = None) -> WorkerConfig:
        """Raises SettingsError naming the variable."""
        env = env or Env()
        redis = RedisSettings.from_env(env)
        config = cls(
            operator_ids=env.uuids("OPERATOR_IDS"),
            bus=BusSettings.from_env(env),
            redis_url=redis.url,
            redis=redis,
            redis_cluster=env.flag("REDIS_CLUSTER"),
            retention_days=env.integer("LEDGER_RETENTION_DAYS", 30, low=7, high=3650),
            shutdown_deadline=env.number("WORKER_SHUTDOWN_DEADLINE", 35.0, low=1.0, high=600.0),
            log_level=env.choice("LOG_LEVEL", "info", ("debug", "info", "warning", "error")),
        )
        if not env.text("DATABASE_URL"):
            raise SettingsError("DATABASE_URL: must be set")
        return config
