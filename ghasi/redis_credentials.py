"""User and password of Redis as REDIS_URL's file has them when a connection is made (docs/security.md, Rotation)."""

from __future__ import annotations

from typing import Any

from redis.asyncio.connection import parse_url
from redis.credentials import CredentialProvider

from ghasi.env import Env, SettingsError

Credentials = tuple[()] | tuple[str] | tuple[str, str]
"""Words of AUTH: none, the password, or user and password."""


def parted(url: str) -> tuple[dict[str, Any], Credentials]:
    """What a URL says of the server, as redis-py's keywords, and apart from it the credentials.

    Raises ValueError, whose text may hold a part of the URL: it is for nobody's eyes.
    """
    place: dict[str, Any] = dict(parse_url(url))
    user, password = place.pop("username", ""), place.pop("password", "")
    if user:
        return place, (user, password)
    return place, ((password,) if password else ())


class FreshCredentials(CredentialProvider):
    """Asked by redis-py at each connection. Its answer is the file's present content; the last one that could be read
    while there is none, or while the file names another server, which is not to be shown this one's password."""

    def __init__(self, url: str, env: Env | None) -> None:
        """`url` as it was at the start; without `env` its credentials are for good. Raises ValueError."""
        self._env = env
        self._place, self._last = parted(url)

    def get_credentials(self) -> Any:
        """See Credentials."""
        if self._env is not None:
            self._read(self._env)
        return self._last

    async def get_credentials_async(self) -> Any:
        """See Credentials."""
        return self.get_credentials()

    def _read(self, env: Env) -> None:
        try:
            place, found = parted(env.text("REDIS_URL"))
        except (SettingsError, ValueError):
            return
        if place == self._place:
            self._last = found
