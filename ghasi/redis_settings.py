"""How to reach Redis, from the environment (docs/contract.md §12)."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from ssl import TLSVersion
from typing import Any

import redis.asyncio
from redis.asyncio.connection import Connection, ConnectionPool, SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from ghasi.env import Env, SettingsError
from ghasi.redis_credentials import FreshCredentials, parted
from ghasi.secure_http import TlsPaths


@dataclass(frozen=True, slots=True)
class RedisSettings:
    """REDIS_URL; with `rediss://` REDIS_TLS_CA (else the system's authorities), REDIS_TLS_CERT with REDIS_TLS_KEY.

    For each connection user and password are read from REDIS_URL_FILE, and the certificates from theirs, so rotated
    ones count from the next one on; a client of a cluster reads certificates once.
    """

    url: str = field(repr=False)
    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    env: Env | None = field(default=None, repr=False, compare=False)

    @classmethod
    def from_env(cls, env: Env) -> RedisSettings:
        """Raises SettingsError naming the variable."""
        settings = cls(
            url=env.url("REDIS_URL", ("redis", "rediss", "unix")),
            ca=env.path("REDIS_TLS_CA"),
            cert=env.path("REDIS_TLS_CERT"),
            key=env.path("REDIS_TLS_KEY"),
            env=env,
        )
        try:
            parted(settings.url)
        except ValueError:
            raise SettingsError("REDIS_URL: is no URL of Redis; in a password % : / @ are written as %xx") from None
        if (settings.cert is None) != (settings.key is None):
            raise SettingsError("REDIS_TLS_CERT: set it together with REDIS_TLS_KEY")
        if (settings.ca or settings.cert) and not settings.url.startswith("rediss://"):
            raise SettingsError("REDIS_URL: must start with rediss:// where REDIS_TLS_CA or REDIS_TLS_CERT is set")
        return settings

    def options(self) -> dict[str, Any]:
        """Keywords of a TLS connection. Server and host name are always verified, TLS is 1.2 or later."""
        if not self.url.startswith("rediss://"):
            return {}
        found: dict[str, Any] = {
            "ssl_cert_reqs": "required",
            "ssl_check_hostname": True,
            "ssl_min_version": TLSVersion.TLSv1_2,
        }
        if self.ca:
            found["ssl_ca_certs"] = str(self.ca)
        if self.cert and self.key:
            found |= {"ssl_certfile": str(self.cert), "ssl_keyfile": str(self.key)}
        return found

    def connect(self, **keywords: Any) -> redis.asyncio.Redis:
        """A client of one server, to be closed with `aclose`; nothing is asked yet. A call on a connection that was
        dropped is made once more, on a new one."""
        # Permits booked by the call that was lost stay unused; giving up instead would cost all of them a pause.
        found = {"retry": Retry(NoBackoff(), 1)} | keywords | self._place()
        if found.get("connection_class") is SSLConnection:
            found["connection_class"] = _FreshConnection
        return redis.asyncio.Redis.from_pool(ConnectionPool(**found))

    def connect_cluster(self, **keywords: Any) -> redis.asyncio.RedisCluster:
        """A client of the cluster that the URL's server belongs to; else as `connect`."""
        found = keywords | self._place()
        found["ssl"] = found.pop("connection_class", None) is SSLConnection
        return redis.asyncio.RedisCluster(**found)

    def _place(self) -> dict[str, Any]:
        place, _ = parted(self.url)
        return {**place, **self.options(), "credential_provider": FreshCredentials(self.url, self.env)}


class _FreshConnection(SSLConnection):
    """redis-py loads certificates once for the life of a connection object, which outlives its connections; and it
    trusts the system's authorities beside the one that is named."""

    def _connection_arguments(self) -> Any:
        found = dict(Connection._connection_arguments(self))
        found["ssl"] = TlsPaths(_path(self.ca_certs), _path(self.certfile), _path(self.keyfile)).context()
        return found


def _path(name: Any) -> Path | None:
    return Path(name) if name else None
