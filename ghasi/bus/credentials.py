"""The credentials file of a NATS user (NATS_CREDS_FILE): a JWT, and the seed of a key that signs the server's nonce.

nats-py can read such a file, with a library that is no wheel. But one that is empty or cut off as it reconnects ends
its tries for good, and one without a JWT never lets go of the event loop. So it gets both by callbacks from here
(docs/decisions/0033-nats-credentials.md).
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import nats.errors

from ghasi.env import SettingsError
from ghasi.logs import get_logger

if TYPE_CHECKING:
    from nacl.signing import SigningKey

_SECTION = rb"-{3,}BEGIN %b-{3,}\s+(%b)\s+-{3,}END %b-{3,}"
_JWT = re.compile(_SECTION % (b"NATS USER JWT", rb"[\w-]+\.[\w-]+\.[\w-]+", b"NATS USER JWT"))
_SEED = re.compile(_SECTION % (b"USER NKEY SEED", rb"SU[A-Z2-7]{56}", b"USER NKEY SEED"))
_PREFIX, _CHECKSUM = 2, 2
"""Octets before and after the 32 of a seed: what it is the seed of, and a CRC-16."""

log = get_logger()


class NoCredentials(nats.errors.Error):
    """The file cannot be read, or what it holds is not whole: nats-py tries again. The text has nothing of it."""


@dataclass(frozen=True, slots=True, repr=False)
class User:
    """What one reading of a file gave."""

    jwt: bytes
    key: SigningKey


def parse(content: bytes) -> User:
    """Raises NoCredentials where one of the two sections is missing, cut off or mistyped."""
    # Only who has such a file pays for the library.
    from nacl.signing import SigningKey

    jwt, seed = _JWT.search(content), _SEED.search(content)
    if jwt is None or seed is None:
        raise NoCredentials("the credentials file lacks a section, or its end")
    raw = base64.b32decode(seed[1] + b"======")
    body, checksum = raw[:-_CHECKSUM], raw[-_CHECKSUM:]
    if binascii.crc_hqx(body, 0) != int.from_bytes(checksum, "little"):
        raise NoCredentials("the seed of the credentials file has another checksum")
    return User(jwt[1], SigningKey(body[_PREFIX:]))


def read(path: Path) -> User:
    """Raises NoCredentials."""
    try:
        return parse(path.read_bytes())
    except OSError as error:
        raise NoCredentials(f"the credentials file cannot be read: {type(error).__name__}") from None


def checked(path: Path | None) -> Path | None:
    """For the start: the path of a file that is whole, or None. Raises SettingsError."""
    if path is not None:
        try:
            read(path)
        except NoCredentials:
            raise SettingsError(
                "NATS_CREDS_FILE: must name a file with a user's JWT and seed, both sections whole, as nsc writes it"
            ) from None
    return path


class Credentials:
    """Callbacks of one connection: as the file is when it is made, the last that was whole while it is not.

    An error of another kind than nats-py's own would end its tries.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._user: User | None = None

    def sign(self, nonce: str) -> bytes:
        """The signature in Base64. nats-py asks for it first, so the file is read here. Raises NoCredentials."""
        return base64.b64encode(self._read_anew().key.sign(nonce.encode()).signature)

    def jwt(self) -> bytes:
        """Of the same reading as the signature before it. Raises NoCredentials."""
        return (self._user or self._read_anew()).jwt

    def _read_anew(self) -> User:
        try:
            self._user = read(self._path)
        except NoCredentials as error:
            log.error("bus.creds_unreadable", detail=str(error))
            if self._user is None:
                raise
        return self._user
