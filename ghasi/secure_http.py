"""Small requests that carry secrets, over HTTP with or without mutual TLS: each on a connection of its own, bounded
in time, size and number, certificates read anew when their files change."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp

MAX_ANSWER_OCTETS: Final = 64 * 1024
MAX_AT_ONCE: Final = 32
"""Requests under way: a thousand operators whose links drop together must not time each other out."""


class CallFailed(Exception):
    """No answer. The text goes on after the service's name ("does not answer"), quotes nothing."""


class AnswerTooLong(Exception):
    """More than MAX_ANSWER_OCTETS: not what was asked for."""


@dataclass(frozen=True, slots=True)
class TlsPaths:
    """PEM files for https; without `ca` the system's authorities count, `cert` and `key` stand together."""

    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None

    def context(self) -> ssl.SSLContext:
        """Raises OSError (ssl.SSLError is one) where a file cannot be used."""
        context = ssl.create_default_context(cafile=str(self.ca) if self.ca else None)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.cert and self.key:
            context.load_cert_chain(self.cert, self.key)
        return context


class SecureHttp:
    """Requests to one base URL. No connection outlives a request, they are rare."""

    def __init__(self, url: str, tls: TlsPaths, timeout: float) -> None:
        self._url = url.rstrip("/")
        self._files = tls
        self._timeout = timeout
        self._turn = asyncio.Semaphore(MAX_AT_ONCE)
        self._context: tuple[tuple[int, ...], ssl.SSLContext] | None = None

    async def call(self, method: str, path: str, headers: Mapping[str, str], body: Any = None) -> tuple[int, bytes]:
        """Status and body; `body` is sent as JSON. Redirects are answers. Raises CallFailed, AnswerTooLong."""
        try:
            async with (
                self._turn,
                asyncio.timeout(self._timeout),
                aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=self._tls())) as session,
                session.request(
                    method, f"{self._url}{path}", headers=dict(headers), json=body, allow_redirects=False
                ) as response,
            ):
                return response.status, await _capped(response)
        except TimeoutError:
            raise CallFailed("does not answer") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise CallFailed(f"cannot be reached: {type(error).__name__}") from None

    def _tls(self) -> ssl.SSLContext | bool:
        if not self._url.startswith("https://"):
            return True
        # Loading certificates takes milliseconds of the whole process: anew only when the files changed.
        files = [path for path in (self._files.ca, self._files.cert, self._files.key) if path]
        stamp = tuple(path.stat().st_mtime_ns for path in files)
        if self._context is None or self._context[0] != stamp:
            self._context = (stamp, self._files.context())
        return self._context[1]


async def _capped(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > MAX_ANSWER_OCTETS:
            raise AnswerTooLong
    return bytes(body)
