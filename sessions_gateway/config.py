"""Settings of the gateway process (docs/contract.md §12), read once and refused at the start when wrong."""

from __future__ import annotations

import os
import re
import socket
from dataclasses import dataclass, field, replace

from ghasi.contracts import timers
from ghasi.credential_source import SourceConfig, source_from_env
from ghasi.env import Env, SettingsError
from ghasi.operator_settings import OperatorSettings
from ghasi.redis_settings import RedisSettings
from sessions_gateway.failover import FailoverTimers

_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
DEFAULT_HTTP_PORT = 3001
DEFAULT_SHUTDOWN_DEADLINE = 35.0


@dataclass(frozen=True, slots=True)
class LinkTimers:
    """Seconds (docs/contract.md §8)."""

    connect: float = timers.BIND_RESPONSE
    bind: float = timers.BIND_RESPONSE
    response: float = timers.SUBMIT_RESPONSE
    enquire_interval: float = timers.ENQUIRE_LINK_INTERVAL
    enquire_timeout: float = timers.ENQUIRE_LINK_TIMEOUT
    unbind: float = 5.0

    def of(self, settings: OperatorSettings) -> LinkTimers:
        """With what the operator's profile says otherwise."""
        return replace(
            self,
            response=settings.response_timeout or self.response,
            enquire_interval=settings.enquire_link_interval or self.enquire_interval,
            enquire_timeout=settings.enquire_link_timeout or self.enquire_timeout,
        )


@dataclass(frozen=True, slots=True)
class Retries:
    """Delays before the next bind, by the class of the failure; seconds."""

    reconnect: tuple[float, ...] = timers.RECONNECT
    old_session: tuple[float, ...] = (15.0, 30.0, 60.0)
    """The operator still counts our former session: it ends by a timer of theirs."""
    slow: float = 60.0
    """Unknown operator, refused token, refused credentials."""
    credential_refusals: int = 5
    """Refusals of name or password in a row until the operator is paused for a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayConfig:
    """Everything one gateway process needs to know; the bus has its own settings."""

    replica: str
    operator_ids: tuple[str, ...]
    redis_url: str = field(repr=False)
    redis: RedisSettings | None = None
    """With the certificates of `redis_url`, where it is `rediss://`."""
    management: SourceConfig
    http_host: str = "0.0.0.0"  # noqa: S104 - probes and Prometheus come from other hosts
    http_port: int = DEFAULT_HTTP_PORT
    sole: bool = False
    trace_unmasked: bool = False
    """Whether numbers and texts may leave for one who watches and is permitted to (docs/contract.md §12)."""
    shutdown_deadline: float = DEFAULT_SHUTDOWN_DEADLINE
    log_level: str = "info"
    timers: LinkTimers = LinkTimers()
    retries: Retries = Retries()
    failover: FailoverTimers = field(default_factory=FailoverTimers)

    @classmethod
    def from_env(cls, env: Env | None = None) -> GatewayConfig:
        """Raises SettingsError naming the variable."""
        env = env or Env()
        redis = RedisSettings.from_env(env)
        return cls(
            replica=_replica(env),
            operator_ids=env.uuids("OPERATOR_IDS"),
            redis_url=redis.url,
            redis=redis,
            management=source_from_env(env),
            http_host=env.text("HTTP_HOST", "0.0.0.0"),  # noqa: S104
            http_port=env.integer("HTTP_PORT", DEFAULT_HTTP_PORT, high=65535),
            sole=env.flag("GATEWAY_SOLE"),
            trace_unmasked=env.flag("SMPP_TRACE_UNMASKED"),
            shutdown_deadline=env.number("SHUTDOWN_DEADLINE", DEFAULT_SHUTDOWN_DEADLINE, high=3600.0),
            log_level=env.choice("LOG_LEVEL", "info", ("debug", "info", "warning", "error", "critical")),
            timers=_link_timers(env),
            retries=Retries(reconnect=_delays(env, "SMPP_RECONNECT_DELAYS", timers.RECONNECT)),
            failover=_failover(env),
        )


def _link_timers(env: Env) -> LinkTimers:
    plain = LinkTimers()
    return LinkTimers(
        connect=env.number("SMPP_CONNECT_TIMEOUT", plain.connect, low=0.1, high=600.0),
        bind=env.number("SMPP_BIND_TIMEOUT", plain.bind, low=0.1, high=600.0),
        response=env.number("SMPP_RESPONSE_TIMEOUT", plain.response, low=0.1, high=3600.0),
        enquire_interval=env.number("SMPP_ENQUIRE_LINK_INTERVAL", plain.enquire_interval, low=0.1, high=3600.0),
        enquire_timeout=env.number("SMPP_ENQUIRE_LINK_TIMEOUT", plain.enquire_timeout, low=0.1, high=600.0),
        unbind=env.number("SMPP_UNBIND_TIMEOUT", plain.unbind, low=0.1, high=600.0),
    )


def _failover(env: Env) -> FailoverTimers:
    plain = FailoverTimers()
    return FailoverTimers(
        after=env.number("FAILOVER_AFTER", plain.after, low=0.0, high=3600.0),
        back_after=env.number("FAILOVER_RETURN_AFTER", plain.back_after, low=0.1, high=3600.0),
    )


def _replica(env: Env) -> str:
    """A name that can stand in a NATS subject; it need not outlive the process."""
    default = re.sub(r"[^A-Za-z0-9_-]", "-", socket.gethostname())[:48] + f"-{os.getpid()}"
    name = env.text("GATEWAY_REPLICA", default)
    if not _TOKEN.match(name):
        raise SettingsError("GATEWAY_REPLICA: must be 1 to 64 letters, digits, - or _")
    return name


def _delays(env: Env, name: str, default: tuple[float, ...]) -> tuple[float, ...]:
    """Comma-separated seconds."""
    text = env.text(name, "")
    if not text:
        return default
    try:
        delays = tuple(float(one) for one in text.split(","))
    except ValueError:
        delays = ()
    if not delays or not all(0.0 < delay <= 3600.0 for delay in delays):
        raise SettingsError(f"{name}: must be comma-separated seconds above 0, at most 3600")
    return delays
