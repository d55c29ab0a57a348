"""How to reach NATS, from the environment (docs/contract.md §12)."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

from ghasi.env import Env, SettingsError


@dataclass(frozen=True, slots=True)
class BusSettings:
    """NATS_URL (comma-separated servers), NATS_CREDS_FILE, NATS_TLS_CA, NATS_TLS_CERT, NATS_TLS_KEY."""

    urls: tuple[str, ...]
    creds: Path | None = None
    tls_ca: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    stream_max_bytes: int = 0
    """Bound of each stream we create, in octets (NATS_STREAM_MAX_BYTES; 0 = the server's)."""

    def __repr__(self) -> str:
        return f"BusSettings(servers={len(self.urls)})"

    @classmethod
    def from_env(cls, env: Env | None = None) -> BusSettings:
        """Raises SettingsError naming the variable."""
        env = env or Env()
        settings = cls(
            urls=tuple(url.strip() for url in env.url("NATS_URL", ("nats", "tls", "ws", "wss")).split(",")),
            creds=env.path("NATS_CREDS_FILE"),
            tls_ca=env.path("NATS_TLS_CA"),
            tls_cert=env.path("NATS_TLS_CERT"),
            tls_key=env.path("NATS_TLS_KEY"),
            stream_max_bytes=env.integer("NATS_STREAM_MAX_BYTES", 0, high=2**50),
        )
        if (settings.tls_cert is None) != (settings.tls_key is None):
            raise SettingsError("NATS_TLS_CERT: set it together with NATS_TLS_KEY")
        return settings

    def tls_context(self) -> ssl.SSLContext | None:
        """A context where a CA, a certificate or a tls:// URL asks for one."""
        if not (self.tls_ca or self.tls_cert or any(url.startswith("tls://") for url in self.urls)):
            return None
        context = ssl.create_default_context(cafile=str(self.tls_ca) if self.tls_ca else None)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.tls_cert and self.tls_key:
            context.load_cert_chain(self.tls_cert, self.tls_key)
        return context
