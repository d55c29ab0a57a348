"""Addresses of a stack's servers, chosen before they start so that settings can name them already."""

import secrets
from dataclasses import dataclass, field

from ghasi.devstack import ports
from ghasi.devstack.ports import free_port

DATABASE = "ghasi"


@dataclass(slots=True)
class Endpoints:
    """Ports on 127.0.0.1 and the database password; `planned` ones are promised to others and stay."""

    nats_port: int = field(default_factory=free_port)
    nats_monitor_port: int = field(default_factory=free_port)
    postgres_port: int = field(default_factory=free_port)
    valkey_port: int = field(default_factory=free_port)
    password: str = field(default_factory=lambda: secrets.token_urlsafe(18), repr=False)
    planned: bool = False

    def release(self) -> None:
        """Give the ports back, unless they are promised."""
        if not self.planned:
            for port in (self.nats_port, self.nats_monitor_port, self.postgres_port, self.valkey_port):
                ports.release(port)

    @property
    def nats_url(self) -> str:
        """NATS_URL of the contract (docs/contract.md §12)."""
        return f"nats://127.0.0.1:{self.nats_port}"

    @property
    def nats_monitor_url(self) -> str:
        """Base address of the NATS server's monitoring pages."""
        return f"http://127.0.0.1:{self.nats_monitor_port}"

    @property
    def database_url(self) -> str:
        """DATABASE_URL of the contract."""
        return f"postgresql://{DATABASE}:{self.password}@127.0.0.1:{self.postgres_port}/{DATABASE}"

    @property
    def redis_url(self) -> str:
        """REDIS_URL of the contract."""
        return f"redis://127.0.0.1:{self.valkey_port}/0"
