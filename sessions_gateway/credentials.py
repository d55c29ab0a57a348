"""Fetches an operator's credentials right before each bind (docs/contract.md §6).

The token is read anew each time, so that a rotated file counts at once; the answer lives in the bind call only.
"""

from __future__ import annotations

import asyncio
import ssl

import aiohttp

from ghasi.env import SettingsError
from sessions_gateway.config import ManagementConfig
from sessions_gateway.operator_settings import Credentials, InvalidSettings, parse_credentials

MAX_ANSWER_OCTETS = 64 * 1024
MAX_AT_ONCE = 32
"""Fetches under way: a thousand operators whose links drop together must not time each other out."""


class CredentialsError(Exception):
    """No credentials now. `slow`: a person or a deployment must change something, so try seldom."""

    def __init__(self, reason: str, *, slow: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.slow = slow


class CredentialsClient:
    """Asks operator management; no connection outlives a fetch, they are rare."""

    def __init__(self, config: ManagementConfig) -> None:
        self._config = config
        self._turn = asyncio.Semaphore(MAX_AT_ONCE)
        self._context: tuple[tuple[int, ...], ssl.SSLContext] | None = None

    async def fetch(self, operator_id: str) -> Credentials:
        """Raises CredentialsError; its text names the rule broken, never a value."""
        token = self._token()
        status, body = await self._get(operator_id, token)
        if status in (401, 403) and self._token() != token:
            # The file was rotated between our reading it and the answer.
            status, body = await self._get(operator_id, self._token())
        _raise_for(status)
        try:
            return parse_credentials(body, operator_id)
        except InvalidSettings as error:
            raise CredentialsError(f"credentials refused: {error}", slow=True) from None

    def _token(self) -> str:
        try:
            return self._config.token()
        except SettingsError as error:
            raise CredentialsError(str(error), slow=True) from None

    async def _get(self, operator_id: str, token: str) -> tuple[int, bytes]:
        url = f"{self._config.url}/internal/operators/{operator_id}/smpp-credentials"
        try:
            async with (
                self._turn,
                asyncio.timeout(self._config.timeout),
                aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=self._tls())) as session,
                session.get(url, headers={"Authorization": f"Bearer {token}"}, allow_redirects=False) as response,
            ):
                body = await _capped(response)
                return response.status, body
        except TimeoutError:
            raise CredentialsError("operator management does not answer", slow=False) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise CredentialsError(
                f"operator management cannot be reached: {type(error).__name__}", slow=False
            ) from None

    def _tls(self) -> ssl.SSLContext | bool:
        config = self._config
        if not config.url.startswith("https://"):
            return True
        # Loading certificates takes milliseconds of the whole process: anew only when the files changed.
        files = [path for path in (config.ca, config.client_cert, config.client_key) if path]
        stamp = tuple(path.stat().st_mtime_ns for path in files)
        if self._context is None or self._context[0] != stamp:
            self._context = (stamp, self._new_context())
        return self._context[1]

    def _new_context(self) -> ssl.SSLContext:
        config = self._config
        context = ssl.create_default_context(cafile=str(config.ca) if config.ca else None)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if config.client_cert and config.client_key:
            context.load_cert_chain(config.client_cert, config.client_key)
        return context


async def _capped(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > MAX_ANSWER_OCTETS:
            raise CredentialsError("the answer of operator management is too long", slow=True)
    return bytes(body)


def _raise_for(status: int) -> None:
    if status == 200:
        return
    if status == 404:
        raise CredentialsError("unknown operator", slow=True)
    if status in (401, 403):
        raise CredentialsError(f"token refused by operator management ({status})", slow=True)
    raise CredentialsError(f"operator management answered {status}", slow=status < 500)
