"""When certificates end: those in our files, and those that servers show."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import struct
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

from ghasi.certificates import NotACertificate, expires_at

_POSTGRES_WANTS_TLS = struct.pack("!ii", 8, 80877103)
"""SSLRequest (PostgreSQL, "Message Formats")."""


class Unreadable(Exception):
    """It is no certificate, or the server shows none; the text says what happened."""


def end_of(der: bytes) -> datetime:
    """notAfter of an X.509 certificate in DER. Raises Unreadable."""
    try:
        return datetime.fromtimestamp(expires_at(der), UTC)
    except NotACertificate:
        raise Unreadable("not a certificate") from None


def ends_in(path: Path) -> datetime:
    """The first end among the certificates of a PEM file. Raises Unreadable."""
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    try:
        text = path.read_text(encoding="ascii")
        found = [
            end_of(ssl.PEM_cert_to_DER_cert(f"{begin}{block.partition(end)[0]}{end}"))
            for block in text.split(begin)[1:]
        ]
    except (OSError, ValueError):
        raise Unreadable("cannot be read") from None
    if not found:
        raise Unreadable("holds no certificate")
    return min(found)


async def shown_by(host: str, port: int, timeout: float, *, kind: str, client: tuple[Path, Path] | None) -> datetime:
    """The end of what a server shows, whoever signed it. `kind` says how TLS begins: `nats`, `postgres`, or at once.
    Raises Unreadable."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        if client is not None:
            context.load_cert_chain(*client)
        async with asyncio.timeout(timeout):
            return end_of(await _peer(host, port, context, _BEGINNINGS.get(kind, _at_once)))
    except (OSError, TimeoutError) as error:
        raise Unreadable(f"no TLS: {type(error).__name__}") from None


Beginning = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def _peer(host: str, port: int, context: ssl.SSLContext, begin: Beginning) -> bytes:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        await begin(reader, writer)
        await writer.start_tls(context, server_hostname=host)
        layer: ssl.SSLObject = writer.get_extra_info("ssl_object")
        return layer.getpeercert(binary_form=True) or b""
    finally:
        writer.close()
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(1.0):
                await writer.wait_closed()


async def _at_once(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Nothing is said before the handshake."""


async def _after_info(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """NATS introduces itself first."""
    await reader.readline()


async def _after_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """PostgreSQL is asked first. Raises Unreadable where it says no."""
    writer.write(_POSTGRES_WANTS_TLS)
    await writer.drain()
    if await reader.read(1) != b"S":
        raise Unreadable("the server has no TLS")


_BEGINNINGS = {"nats": _after_info, "postgres": _after_request}
