"""Operators' credentials from HashiCorp Vault, KV version 2 (docs/contract.md §6, "Vault").

The secret at `{VAULT_PATH}/{operatorId}` of the mount VAULT_MOUNT holds the fields of the credentials answer. It is
read before each bind, so a new version counts at the next one; nothing is leased, nothing is renewed but our login.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from ghasi.env import Env, SettingsError
from ghasi.operator_management import CredentialsError
from ghasi.secure_http import AnswerTooLong, CallFailed, SecureHttp, TlsPaths

SERVICE_ACCOUNT_TOKEN: Final = "/var/run/secrets/kubernetes.io/serviceaccount/token"  # noqa: S105 - a path
AUTH: Final = ("token", "kubernetes")
LOGIN_SPENT: Final = 2 / 3
"""Of a login's time to live, after which the next read logs in anew."""
_PATH: Final = re.compile(r"(?!.*\.\.)[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*\Z")
_NUMBERS: Final = ("port", "tpsLimit", "maxBinds", "windowSize")
_FLAGS: Final = ("allowLongCredentials",)
_STRUCTURES: Final = ("hosts", "rules", "tls")

Headers = dict[str, str]


@dataclass(frozen=True, slots=True)
class VaultConfig:
    """How to reach Vault. Tokens are read from `env` at each use, so that a rotated file counts at once."""

    url: str
    env: Env = field(default_factory=Env, repr=False)
    mount: str = "secret"
    path: str = "smpp"
    namespace: str = ""
    auth: str = "token"
    role: str = ""
    login_mount: str = "kubernetes"
    jwt_file: Path = Path(SERVICE_ACCOUNT_TOKEN)
    tls: TlsPaths = field(default_factory=TlsPaths)
    timeout: float = 5.0

    @classmethod
    def from_env(cls, env: Env) -> VaultConfig:
        """Raises SettingsError naming the variable."""
        config = cls(
            url=env.url("VAULT_ADDR", ("http", "https")).rstrip("/"),
            env=env,
            mount=_path(env, "VAULT_MOUNT", "secret"),
            path=_path(env, "VAULT_PATH", "smpp"),
            namespace=env.text("VAULT_NAMESPACE", ""),
            auth=env.choice("VAULT_AUTH", "token", AUTH),
            role=env.text("VAULT_ROLE", ""),
            login_mount=_path(env, "VAULT_LOGIN_MOUNT", "kubernetes"),
            jwt_file=Path(env.text("VAULT_JWT_PATH", SERVICE_ACCOUNT_TOKEN)),
            tls=TlsPaths(env.path("VAULT_CA"), env.path("VAULT_CLIENT_CERT"), env.path("VAULT_CLIENT_KEY")),
            timeout=env.number("VAULT_TIMEOUT", 5.0, low=0.1, high=60.0),
        )
        if (config.tls.cert is None) != (config.tls.key is None):
            raise SettingsError("VAULT_CLIENT_CERT: set it together with VAULT_CLIENT_KEY")
        if config.auth == "kubernetes" and not config.role:
            raise SettingsError("VAULT_ROLE: must be set where VAULT_AUTH is kubernetes")
        if config.auth == "token":
            env.text("VAULT_TOKEN")
        return config


def _path(env: Env, name: str, default: str) -> str:
    value = env.text(name, default).strip("/")
    if not _PATH.match(value):
        raise SettingsError(f"{name}: must be a path of letters, digits, _, - and dots")
    return value


class _Auth(msgspec.Struct):
    client_token: str
    lease_duration: int = 0


class _Login(msgspec.Struct):
    auth: _Auth


class _Version(msgspec.Struct):
    data: dict[str, Any] | None = None


class _Secret(msgspec.Struct):
    data: _Version


_login = msgspec.json.Decoder(_Login)
_secret = msgspec.json.Decoder(_Secret)


class VaultClient:
    """One client serves all operators of a process."""

    def __init__(self, config: VaultConfig, clock: Callable[[], float] = time.monotonic) -> None:
        self._config = config
        self._clock = clock
        self._http = SecureHttp(config.url, config.tls, config.timeout)
        self._token = ""
        self._good_until = 0.0
        self._logging_in = asyncio.Lock()

    async def fetch_answer(self, operator_id: str) -> bytes:
        """The secret of an operator as operator management would answer it. Raises CredentialsError; its text names
        the rule broken, never a value."""
        token = await self._let_in()
        status, body = await self._read(operator_id, token)
        if status == 403:
            # The token was rotated, or our login revoked, between our having it and the answer.
            if token == self._token:
                self._good_until = 0.0
            again = await self._let_in()
            if again != token:
                status, body = await self._read(operator_id, again)
        _raise_for(status)
        return _answer(operator_id, body)

    async def _let_in(self) -> str:
        """A token: the one given, or that of our login while it is good."""
        config = self._config
        if config.auth == "token":
            try:
                return config.env.text("VAULT_TOKEN")
            except SettingsError as error:
                raise CredentialsError(str(error), slow=True) from None
        async with self._logging_in:
            # Once for all operators that are bound at the same time.
            if self._clock() >= self._good_until:
                await self._log_in()
            return self._token

    async def _log_in(self) -> None:
        config = self._config
        try:
            jwt = config.jwt_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            raise CredentialsError("VAULT_JWT_PATH: no readable file at the path it gives", slow=True) from None
        status, body = await self._call(
            "POST", f"/v1/auth/{config.login_mount}/login", {}, {"role": config.role, "jwt": jwt}
        )
        if status in (400, 403):
            raise CredentialsError(f"login refused by Vault ({status})", slow=True)
        _raise_for(status)
        try:
            auth = _login.decode(body).auth
        except msgspec.DecodeError:
            raise CredentialsError("the login's answer of Vault cannot be read", slow=True) from None
        self._token = auth.client_token
        self._good_until = self._clock() + auth.lease_duration * LOGIN_SPENT

    async def _read(self, operator_id: str, token: str) -> tuple[int, bytes]:
        config = self._config
        return await self._call(
            "GET", f"/v1/{config.mount}/data/{config.path}/{operator_id}", {"X-Vault-Token": token}
        )

    async def _call(self, method: str, path: str, headers: Headers, body: Any = None) -> tuple[int, bytes]:
        headers = {"X-Vault-Request": "true", **headers}
        if self._config.namespace:
            headers["X-Vault-Namespace"] = self._config.namespace
        try:
            return await self._http.call(method, path, headers, body)
        except AnswerTooLong:
            raise CredentialsError("the answer of Vault is too long", slow=True) from None
        except CallFailed as error:
            raise CredentialsError(f"Vault {error}", slow=False) from None


def _raise_for(status: int) -> None:
    """Vault's documented statuses: 429, 472 and 473 are standbys, 503 is sealed or in maintenance."""
    if status == 200:
        return
    if status == 404:
        raise CredentialsError("unknown operator", slow=True)
    if status == 403:
        raise CredentialsError("token refused by Vault (403)", slow=True)
    raise CredentialsError(f"Vault answered {status}", slow=status < 500 and status not in (412, 429, 472, 473))


def _answer(operator_id: str, body: bytes) -> bytes:
    """The fields of the newest version as one JSON object. Vault's command line writes all of them as text."""
    try:
        fields = _secret.decode(body).data.data
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise CredentialsError("the answer of Vault is no secret of KV version 2", slow=True) from None
    if fields is None:
        raise CredentialsError("unknown operator", slow=True)
    return msgspec.json.encode({"operatorId": operator_id} | {name: _typed(name, fields[name]) for name in fields})


def _typed(name: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if name in _NUMBERS and value.isascii() and value.isdecimal():
        return int(value)
    if (name in _FLAGS or name == "tls") and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if name in _STRUCTURES:
        try:
            return msgspec.json.decode(value.encode())
        except msgspec.DecodeError:
            return value
    return value or None if name == "backupOperatorId" else value
