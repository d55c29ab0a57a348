"""Where operators' credentials come from: CREDENTIALS_SOURCE (docs/contract.md §6)."""

from __future__ import annotations

from typing import Protocol

from ghasi.env import Env
from ghasi.operator_management import ManagementClient, ManagementConfig
from ghasi.vault import VaultClient, VaultConfig

SOURCES = ("http", "vault")
SourceConfig = ManagementConfig | VaultConfig


class CredentialSource(Protocol):
    """Who knows an operator's credentials."""

    async def fetch_answer(self, operator_id: str) -> bytes:
        """JSON as docs/contract.md §6 has it, secrets included. Raises CredentialsError, whose text holds none."""
        ...


def source_from_env(env: Env) -> SourceConfig:
    """Raises SettingsError naming the variable."""
    if env.choice("CREDENTIALS_SOURCE", "http", SOURCES) == "vault":
        return VaultConfig.from_env(env)
    return ManagementConfig.from_env(env)


def open_source(config: SourceConfig) -> CredentialSource:
    """Nothing is asked yet."""
    return VaultClient(config) if isinstance(config, VaultConfig) else ManagementClient(config)
