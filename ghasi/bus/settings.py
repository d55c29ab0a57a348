"""How to reach NATS, from the environment (docs/contract.md §12)."""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ghasi.bus.credentials import Credentials, checked
from ghasi.env import Env, Rotated, SettingsError

DEFAULT_INBOX = "_INBOX"
REPLICAS = ("1", "3", "5")
"""An even number survives no more than the odd one below it."""
_INBOX = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\Z")


@dataclass(frozen=True, slots=True)
class BusSettings:
    """NATS_URL (comma-separated servers), NATS_USER with NATS_PASSWORD, NATS_CREDS_FILE, NATS_TLS_CA, NATS_TLS_CERT,
    NATS_TLS_KEY, NATS_INBOX_PREFIX, NATS_STREAM_MAX_BYTES, NATS_REPLICAS.

    A password or credentials file that was rotated counts from the next connection on.
    """

    urls: tuple[str, ...]
    creds: Path | None = None
    tls_ca: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    user: str = ""
    inbox_prefix: str = DEFAULT_INBOX
    """Below it this process hears answers: one per role keeps a role's answers from the others (docs/security.md)."""
    env: Env | None = field(default=None, repr=False, compare=False)
    stream_max_bytes: int = 0
    """Bound of each stream we create, in octets (NATS_STREAM_MAX_BYTES; 0 = the server's)."""
    replicas: int = 1
    """Servers that keep a copy of each stream and bucket we create (NATS_REPLICAS)."""

    def __repr__(self) -> str:
        return f"BusSettings(servers={len(self.urls)})"

    @classmethod
    def from_env(cls, env: Env | None = None) -> BusSettings:
        """Raises SettingsError naming the variable."""
        env = env or Env()
        settings = cls(
            urls=tuple(url.strip() for url in env.url("NATS_URL", ("nats", "tls", "ws", "wss")).split(",")),
            creds=checked(env.path("NATS_CREDS_FILE")),
            tls_ca=env.path("NATS_TLS_CA"),
            tls_cert=env.path("NATS_TLS_CERT"),
            tls_key=env.path("NATS_TLS_KEY"),
            user=env.text("NATS_USER", ""),
            inbox_prefix=env.text("NATS_INBOX_PREFIX", DEFAULT_INBOX),
            env=env,
            stream_max_bytes=env.integer("NATS_STREAM_MAX_BYTES", 0, high=2**50),
            replicas=int(env.choice("NATS_REPLICAS", "1", REPLICAS)),
        )
        if (settings.tls_cert is None) != (settings.tls_key is None):
            raise SettingsError("NATS_TLS_CERT: set it together with NATS_TLS_KEY")
        if not _INBOX.match(settings.inbox_prefix):
            raise SettingsError("NATS_INBOX_PREFIX: must be tokens of letters, digits, _ and -, joined by dots")
        if settings.user and not env.text("NATS_PASSWORD", ""):
            raise SettingsError("NATS_PASSWORD: must be set together with NATS_USER (or NATS_PASSWORD_FILE)")
        return settings

    def credentials(self) -> Credentials | None:
        """Of one connection: JWT and signature as the file has them; the last whole ones while it is not whole."""
        return Credentials(self.creds) if self.creds else None

    def password(self) -> Callable[[], str] | None:
        """Gives the password as its file has it now; the last one it gave while the file cannot be read."""
        if not self.user or self.env is None:
            return None
        return Rotated(self.env, "NATS_PASSWORD")

    def tls_context(self) -> ssl.SSLContext | None:
        """A context where a CA, a certificate or a tls:// URL asks for one."""
        if not (self.tls_ca or self.tls_cert or any(url.startswith("tls://") for url in self.urls)):
            return None
        context = ssl.create_default_context(cafile=str(self.tls_ca) if self.tls_ca else None)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        self.load_files(context)
        return context

    def load_files(self, context: ssl.SSLContext) -> None:
        """Reads certificate, key and CA anew, for the connections `context` will make. Raises OSError, ssl.SSLError.

        A CA that is no longer in its file stays trusted until the process is restarted.
        """
        if self.tls_ca:
            context.load_verify_locations(self.tls_ca)
        if self.tls_cert and self.tls_key:
            context.load_cert_chain(self.tls_cert, self.tls_key)
