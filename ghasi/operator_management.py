"""Asks operator management for an operator's credentials (docs/contract.md §6); what they mean is the caller's.

The token is read anew each time, so that a rotated file counts at once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ghasi.env import Env, SettingsError
from ghasi.secure_http import AnswerTooLong, CallFailed, SecureHttp, TlsPaths


class CredentialsError(Exception):
    """No credentials now. `slow`: a person or a deployment must change something, so try seldom."""

    def __init__(self, reason: str, *, slow: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.slow = slow


@dataclass(frozen=True, slots=True)
class ManagementConfig:
    """How to reach operator management (docs/contract.md §6). The token is read from `env` at each use."""

    url: str
    env: Env = field(default_factory=Env, repr=False)
    client_cert: Path | None = None
    client_key: Path | None = None
    ca: Path | None = None
    timeout: float = 5.0

    @classmethod
    def from_env(cls, env: Env) -> ManagementConfig:
        """Raises SettingsError naming the variable."""
        config = cls(
            url=env.url("OPERATOR_MGMT_URL", ("http", "https")).rstrip("/"),
            env=env,
            client_cert=env.path("OPERATOR_MGMT_CLIENT_CERT"),
            client_key=env.path("OPERATOR_MGMT_CLIENT_KEY"),
            ca=env.path("OPERATOR_MGMT_CA"),
            timeout=env.number("OPERATOR_MGMT_TIMEOUT", 5.0, low=0.1, high=60.0),
        )
        if (config.client_cert is None) != (config.client_key is None):
            raise SettingsError("OPERATOR_MGMT_CLIENT_CERT: set it together with OPERATOR_MGMT_CLIENT_KEY")
        config.token()
        return config

    def token(self) -> str:
        """The bearer token as it stands now. Raises SettingsError."""
        return self.env.text("INTERNAL_SERVICE_TOKEN")


class ManagementClient:
    """One client serves all operators of a process."""

    def __init__(self, config: ManagementConfig) -> None:
        self._config = config
        self._http = SecureHttp(
            config.url, TlsPaths(config.ca, config.client_cert, config.client_key), config.timeout
        )

    async def fetch_answer(self, operator_id: str) -> bytes:
        """The body of the answer about an operator, secrets included. Raises CredentialsError; its text names the
        rule broken, never a value."""
        token = self._token()
        status, body = await self._get(operator_id, token)
        if status in (401, 403) and self._token() != token:
            # The file was rotated between our reading it and the answer.
            status, body = await self._get(operator_id, self._token())
        _raise_for(status)
        return body

    def _token(self) -> str:
        try:
            return self._config.token()
        except SettingsError as error:
            raise CredentialsError(str(error), slow=True) from None

    async def _get(self, operator_id: str, token: str) -> tuple[int, bytes]:
        path = f"/internal/operators/{operator_id}/smpp-credentials"
        try:
            return await self._http.call("GET", path, {"Authorization": f"Bearer {token}"})
        except AnswerTooLong:
            raise CredentialsError("the answer of operator management is too long", slow=True) from None
        except CallFailed as error:
            raise CredentialsError(f"operator management {error}", slow=False) from None


def _raise_for(status: int) -> None:
    if status == 200:
        return
    if status == 404:
        raise CredentialsError("unknown operator", slow=True)
    if status in (401, 403):
        raise CredentialsError(f"token refused by operator management ({status})", slow=True)
    raise CredentialsError(f"operator management answered {status}", slow=status < 500)
